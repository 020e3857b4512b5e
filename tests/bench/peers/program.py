"""The command line of a peer in Python, in an environment of its own; connections come from the PG* variables.

setup          make the schema
fill N         enqueue N jobs that do nothing
drain N        run a worker until N jobs are handled and settled; print {"seconds"}
listen N       run a worker; print READY, then the milliseconds from BEGIN of N single jobs to their handler
emit N         enqueue N jobs one by one, each in a transaction, 50 to 150 ms apart
"""

# It runs in an environment of its own, which has what this project's has not:
# mypy: ignore-errors

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable

import asyncpg
import uvloop

SETTLE_S = 3
WITHIN_S = 600

OnJob = Callable[[int], None]


class Peer:
    """What a peer gives: its schema, its worker, and how a job is enqueued."""

    PENDING = ""
    """SQL: how many jobs are not settled yet."""

    async def setup(self) -> None:
        """Make the schema."""

    async def fill(self, jobs: int) -> None:
        """Enqueue so many at once."""

    async def work(self, on_job: OnJob) -> None:
        """Run until cancelled; call on_job(t) first thing in a handler."""

    async def enqueue(self, conn: asyncpg.Connection, t: int) -> None:
        """Enqueue one in the transaction of this connection."""


async def drain(peer: Peer, jobs: int) -> dict[str, float]:
    """Time a worker from its start until all is settled."""
    handled, count = asyncio.Event(), 0

    def on_job(_t: int) -> None:
        nonlocal count
        count += 1
        if count >= jobs:
            handled.set()

    side = await asyncpg.connect()
    await side.fetchval(peer.PENDING)
    began = time.perf_counter()
    worker = asyncio.create_task(peer.work(on_job))
    await asyncio.wait_for(handled.wait(), WITHIN_S)
    # handled, but the last of them are still being settled
    while await side.fetchval(peer.PENDING):  # noqa: ASYNC110 (the fact is in PostgreSQL)
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - began
    worker.cancel()
    return {"seconds": seconds}


async def listen(peer: Peer, jobs: int) -> list[float]:
    """Note how long each job has been on its way."""
    seen, handled = [], asyncio.Event()

    def on_job(t: int) -> None:
        seen.append((time.monotonic_ns() - t) / 1e6)
        if len(seen) >= jobs:
            handled.set()

    worker = asyncio.create_task(peer.work(on_job))
    await asyncio.sleep(SETTLE_S)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    await asyncio.wait_for(handled.wait(), WITHIN_S)
    worker.cancel()
    return seen


async def emit(peer: Peer, jobs: int) -> None:
    """Enqueue with pauses in between."""
    conn = await asyncpg.connect()
    for _ in range(jobs):
        await asyncio.sleep(random.uniform(0.05, 0.15))
        began = time.monotonic_ns()
        async with conn.transaction():
            await peer.enqueue(conn, began)


async def answer(peer: Peer, command: str, *numbers: str) -> object:
    """Do what the command says."""
    if command == "setup":
        return await peer.setup()
    if command == "fill":
        return await peer.fill(*map(int, numbers))
    return await {"drain": drain, "listen": listen, "emit": emit}[command](peer, *map(int, numbers))


def main(peer: Peer) -> None:
    """Answer, and end without a shutdown, which is not what is measured."""

    async def run() -> None:
        sys.stdout.write(json.dumps(await answer(peer, *sys.argv[1:])) + "\n")
        sys.stdout.flush()
        os._exit(0)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
