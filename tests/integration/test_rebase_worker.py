"""A worker whose database was restored into another cluster, before its start or under its feet."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from health import read as read_health
from outbox.catalog.load import load
from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.relay import fan_out
from outbox.relay.routing import routes_of
from outbox.schema import migration
from tests.conftest import SETTINGS
from tests.integration.restore import Restore, make_roles
from tests.integration.stage import MARKETPLACE, TYPE, Stage, payload, settings, until, until_true
from workers.embedded import engine
from workers.embedded.engine import Postgres

PEOPLE = {"anna": 11, "boris": 12}
BEFORE, IN_FLIGHT, UNRELAYED, SCHEDULED = (0, 1), (2,), (3, 4), 5
"""Numbers of the messages that stand so when the dump is taken."""

WHY = (
    "the cursor of consumer 'relay' was written in another cluster: the database was restored or copied. Nothing was "
    "skipped. Run `vestnik cursor rebase` to go on with the events that were not yet relayed"
)
REFUSED = "unhealthy: relay (foreign cluster: run vestnik cursor rebase)"
IN_APP = "select event_id, recipient, count(*) from outbox.notification group by 1, 2"


@pytest.fixture
def elsewhere(postgres_binaries: Path | None) -> Iterator[Postgres]:
    """Run another cluster, with the roles that a dump does not carry."""
    with engine.postgres(binaries=postgres_binaries, settings=SETTINGS | {"track_functions": "pl"}) as server:
        asyncio.run(make_roles(server))
        yield server


@pytest.fixture
async def restore(direct_url: str, elsewhere: Postgres) -> AsyncIterator[Restore]:
    """Lend a restore of the test's database into the other cluster."""
    made = Restore(direct_url, elsewhere)
    yield made
    await made.drop()


async def leave_half_relayed(stage: Stage) -> None:
    """Leave events that were delivered, are in flight, were not relayed, and wait for their time."""
    await stage.people(PEOPLE)
    for number in BEFORE:
        await stage.emit(number, *PEOPLE)
    assert stage.run("worker", "--once").code == 0
    for number in IN_FLIGHT:
        await stage.emit(number, *PEOPLE)
    await event.emit(
        stage.conn, TYPE, list(PEOPLE), payload(SCHEDULED), deliver_at=datetime.now(UTC) + timedelta(hours=1)
    )
    await fan_out.step(stage.conn, routes_of(load(MARKETPLACE / "catalog")))
    assert len(await lane_claim.claim(stage.conn, Channel.TELEGRAM, 2)) == 2
    for number in UNRELAYED:
        await stage.emit(number, *PEOPLE)


async def in_app(conn: Connection) -> list[int]:
    """Tell how often each event is in each inbox."""
    return [row["count"] for row in await conn.fetch(IN_APP)]


async def test_a_worker_begins_only_after_rebase(stage: Stage, restore: Restore) -> None:
    """Neither --once nor --watch begins on a restored database; after rebase all is delivered, in-app exactly once."""
    await leave_half_relayed(stage)
    moved = {**stage.environment, "DATABASE_URL": restore.url}
    restored = replace(stage, environment=moved, conn=await restore())
    for how in ("--once", "--watch"):
        refused = restored.run("worker", how)
        assert (refused.code, refused.out, refused.complaint) == (1, "", WHY), how
    assert await restored.states() == {"sent": 4, "sending": 2}
    assert await in_app(restored.conn) == [1] * 6

    rebased = restored.run("cursor", "rebase")
    assert (rebased.code, rebased.out.split()[:2]) == (0, ["2", "events"]), rebased
    # the lease ends, and the hour is over
    await restored.conn.execute("update outbox.run set lease_until = now() where lease_until is not null")
    await restored.conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")
    assert restored.run("worker", "--once", RETRY_SCHEDULE="0").code == 0
    numbers = sorted([*BEFORE, *IN_FLIGHT, *UNRELAYED, SCHEDULED])
    for chat_id in PEOPLE.values():
        assert sorted(await stage.arrived(chat_id)) == numbers
    assert await in_app(restored.conn) == [1] * 12
    assert restored.run("prove").code == 0


APP = "app"


@pytest.fixture
async def first(postgres_binaries: Path | None) -> AsyncIterator[Postgres]:
    """Run a cluster that can be taken away, with a database that has the schema."""
    with engine.postgres(binaries=postgres_binaries, settings=SETTINGS) as server:
        admin = await connect(server.url())
        await admin.execute(f"create database {APP}")
        await admin.close()
        conn = await connect(server.url(APP))
        await migration.migrate(conn)
        await conn.close()
        yield server


async def swap(first: Postgres, second: Postgres) -> Connection:
    """Restore one cluster's database into the other, and put that in the place of the first."""
    await (await Restore(first.url(APP), second, APP)()).close()
    first.stop()
    second.stop()
    second.port = first.port
    second.start()
    return await connect(second.url(APP))


async def refused_again(conn: Connection) -> None:
    """Wait until the relay has tried twice more."""
    tried = "select coalesce(sum(calls), 0) from pg_stat_user_functions where funcname = 'relay'"
    before = await conn.fetchval(tried)

    async def twice_more() -> bool:
        return bool(await conn.fetchval(tried) >= before + 2)

    await until_true(twice_more)


async def test_a_running_worker_stops_relaying_when_its_database_is_swapped(
    first: Postgres, elsewhere: Postgres, redis_url: str, simulator_urls: tuple[str, str], tmp_path: Path
) -> None:
    """It is unhealthy and says so once, relays nothing, and goes on by itself after rebase, in-app exactly once."""
    bot_api, control = simulator_urls
    old = Stage(settings(first.url(APP), redis_url, bot_api), tmp_path, control, await connect(first.url(APP)))
    await old.order("POST", "reset")
    await old.people(PEOPLE)
    with old.watching() as worker:
        await worker.healthy()
        for number in BEFORE:
            await old.emit(number, *PEOPLE)
        await old.sent(4)
        stage = replace(old, conn=await swap(first, elsewhere))
        await until(lambda: read_health(worker.health).reason == REFUSED)
        for number in (2, 3):
            await stage.emit(number, *PEOPLE)
        await refused_again(stage.conn)
        assert await in_app(stage.conn) == [1] * 4

        rebased = stage.run("cursor", "rebase")
        assert (rebased.code, rebased.out.split()[:2]) == (0, ["2", "events"]), rebased
        await stage.sent(8)
        await worker.healthy()
    (line,) = worker.lines("relay_refused")
    assert (line["level"], line["command"]) == ("error", "vestnik-cursor-rebase")
    for chat_id in PEOPLE.values():
        assert await stage.arrived(chat_id) == [0, 1, 2, 3]
    assert await in_app(stage.conn) == [1] * 8
    assert stage.run("prove").code == 0
    await stage.conn.close()
