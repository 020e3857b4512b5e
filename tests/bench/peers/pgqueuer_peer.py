"""PgQueuer: durable tables, its own autovacuum settings, and batches of 100: larger, says its page on tuning."""

# It runs in an environment of its own, which has what this project's has not:
# mypy: ignore-errors

import logging

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from program import OnJob, Peer, main

BATCH = 100

logging.disable(logging.INFO)


class PgQueuerPeer(Peer):
    """One manager on one connection."""

    PENDING = "select count(*) from pgqueuer"

    async def setup(self) -> None:
        """Install the tables."""
        queries = Queries(AsyncpgDriver(await asyncpg.connect()))
        await queries.install()
        await queries.optimize_autovacuum()

    async def fill(self, jobs: int) -> None:
        """Enqueue all in one statement."""
        queries = Queries(AsyncpgDriver(await asyncpg.connect()))
        await queries.enqueue(["noop"] * jobs, [b"0"] * jobs, [0] * jobs)

    async def work(self, on_job: OnJob) -> None:
        """Dispatch until cancelled."""
        manager = PgQueuer(AsyncpgDriver(await asyncpg.connect()))

        @manager.entrypoint("noop")
        async def noop(job: Job) -> None:
            on_job(int(job.payload))

        await manager.run(batch_size=BATCH)

    async def enqueue(self, conn: asyncpg.Connection, t: int) -> None:
        """Enqueue on the caller's connection."""
        await Queries(AsyncpgDriver(conn)).enqueue("noop", str(t).encode())


main(PgQueuerPeer())
