"""A database that was restored into another cluster: refused by name, and mended without loss or repetition."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from outbox.cursor import consumer, snapshot_cursor
from outbox.cursor.rebase import rebase
from outbox.database.connection import Connection, Pool, connect
from outbox.delivery.channel import Channel
from outbox.error import ForeignClusterError, StaleBatchError
from outbox.event_log import event
from outbox.proof import completeness
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.conftest import SETTINGS
from tests.integration.restore import Restore, make_roles
from tests.integration.stage import PATIENCE_S
from tests.integration.test_cursor import LONG_AGO
from workers.embedded import engine
from workers.embedded.engine import Postgres

ROUTES = Routing({"t": Route("t", "c", frozenset({Channel.INAPP}))})
HOUR = timedelta(hours=1)
XMAX = "select pg_snapshot_xmax(pg_current_snapshot())::text"
BURN = "do $$ begin for i in 1..%d loop perform pg_current_xact_id(); commit; end loop; end $$"


@pytest.fixture(scope="module")
def elsewhere(postgres_binaries: Path | None) -> Iterator[Postgres]:
    """Run another cluster, with the roles that a dump does not carry."""
    with engine.postgres(binaries=postgres_binaries, settings=SETTINGS) as server:
        asyncio.run(make_roles(server))
        yield server


@pytest.fixture
async def restore(direct_url: str, elsewhere: Postgres) -> AsyncIterator[Restore]:
    """Lend a restore into the other cluster, and drop what it made."""
    made = Restore(direct_url, elsewhere)
    yield made
    await made.drop()


async def burn(conn: Connection, *, past: int) -> None:
    """Use up transaction ids until the cluster's next is beyond this one."""
    missing = past - int(await conn.fetchval(XMAX))
    if missing > 0:
        await conn.execute(BURN % (missing + 1))


async def set_ids_apart(source: Connection, target: Postgres, *, source_is_ahead: bool) -> None:
    """Bring one cluster's transaction ids well past the other's."""
    admin = await connect(target.url())
    behind, ahead = (admin, source) if source_is_ahead else (source, admin)
    await burn(ahead, past=int(await behind.fetchval(XMAX)) + 1_000)
    await admin.close()


async def relay_all(conn: Connection) -> Mapping[str, int]:
    """Relay until nothing is left to look at; a relay that never comes to rest fails."""
    relayed: dict[str, int] = {}
    async with asyncio.timeout(PATIENCE_S):
        while await fan_out.peek(conn, ROUTES):
            batch = await fan_out.step(conn, ROUTES)
            assert batch is not None
            for name, count in batch.relayed.items():
                relayed[name] = relayed.get(name, 0) + count
    return relayed


async def inbox(conn: Connection) -> list[int]:
    """List the events in ann's inbox in the order in which they came."""
    rows = await conn.fetch("select event_id from outbox.notification where recipient = 'ann' order by version")
    return [row["event_id"] for row in rows]


async def pull(conn: Connection, name: str, limit: int = 100) -> tuple[UUID | None, list[int]]:
    """Pull a batch of a named consumer; tell its id and those of its events."""
    handed = await consumer.pull(conn, name, limit, HOUR)
    return handed.batch, [json.loads(document)["id"] for document in handed.events]


async def read(conn: Connection, name: str, limit: int = 100) -> list[int]:
    """Pull and ack a batch of a named consumer; tell the ids of its events."""
    batch, ids = await pull(conn, name, limit)
    if batch is not None:
        await consumer.ack(conn, name, batch)
    return ids


@pytest.mark.parametrize("source_is_ahead", [True, False], ids=["ids above the cluster's", "ids below the cluster's"])
async def test_a_restored_database_goes_on_after_rebase(
    conn: Connection, elsewhere: Postgres, restore: Restore, *, source_is_ahead: bool
) -> None:
    """Restored half relayed into another cluster a database is refused, and after rebase each event arrives once."""
    await set_ids_apart(conn, elsewhere, source_is_ahead=source_is_ahead)
    ids = [await event.emit(conn, "t", ["ann"]) for _ in range(10)]
    await fan_out.step(conn, ROUTES, 4)

    restored = await restore()
    ids.append(await event.emit(restored, "t", ["ann"]))
    assert await fan_out.peek(restored, ROUTES)
    with pytest.raises(ForeignClusterError, match="vestnik cursor rebase"):
        await fan_out.step(restored, ROUTES)
    assert await inbox(restored) == ids[:4]

    assert await rebase(restored) == 7
    ids.append(await event.emit(restored, "t", ["ann"]))
    assert await relay_all(restored) == {"t": 8}
    assert await inbox(restored) == ids
    proven = await completeness.prove(restored, LONG_AGO)
    assert proven.holds
    assert (proven.expected, proven.waiting) == (12, 0)


async def test_old_ids_that_come_round_again_change_nothing(
    conn: Connection, elsewhere: Postgres, restore: Restore
) -> None:
    """When the new cluster's transaction ids pass those of the old one's events, none is relayed a second time."""
    await set_ids_apart(conn, elsewhere, source_is_ahead=True)
    ids = [await event.emit(conn, "t", ["ann"]) for _ in range(3)]
    await conn.fetchval("select outbox.emit('t', array['ann'], deliver_at => now() + interval '1 day')")
    await fan_out.step(conn, ROUTES)
    past = int(await conn.fetchval(XMAX))

    restored = await restore()
    await rebase(restored)
    await fan_out.step(restored, ROUTES)
    await burn(restored, past=past)
    ids.append(await event.emit(restored, "t", ["ann"]))
    await fan_out.step(restored, ROUTES)

    assert await inbox(restored) == ids
    assert await restored.fetchval("select count(*) from outbox.waiting") == 1


async def test_a_relay_comes_to_rest_after_rebase(conn: Connection, elsewhere: Postgres, restore: Restore) -> None:
    """Events relayed in a cluster whose ids were ahead leave the relay of the new one nothing to look at."""
    await set_ids_apart(conn, elsewhere, source_is_ahead=True)
    await event.emit(conn, "t", ["ann"])
    await fan_out.step(conn, ROUTES)

    restored = await restore()
    assert await rebase(restored) == 0
    await fan_out.step(restored, ROUTES)

    assert not await fan_out.peek(restored, ROUTES)


async def test_rebase_misses_no_open_transaction(pool: Pool, conn: Connection) -> None:
    """What a transaction writes that is open during the rebase is relayed when it commits."""
    async with pool.acquire() as writer:
        async with writer.transaction():
            ids = [await event.emit(writer, "t", ["ann"])]
            assert await rebase(conn) == 0
            assert await relay_all(conn) == {}
            ids.append(await event.emit(writer, "t", ["ann"]))
        assert await relay_all(conn) == {"t": 2}

    assert await inbox(conn) == ids


async def test_rebase_of_a_healthy_cursor_repeats_nothing(conn: Connection) -> None:
    """A rebase that was not needed relays what was not yet relayed, and nothing a second time."""
    ids = [await event.emit(conn, "t", ["ann"]) for _ in range(5)]
    await fan_out.step(conn, ROUTES, 2)

    assert await rebase(conn) == 3
    assert await relay_all(conn) == {"t": 3}
    assert await inbox(conn) == ids


async def test_another_system_identifier_is_refused(conn: Connection) -> None:
    """A cursor that names another cluster is something to look at, and refused with the remedy; nothing moves."""
    await event.emit(conn, "t", ["ann"])
    await conn.execute("update outbox.cursor set system_identifier = 1")
    before = await snapshot_cursor.show(conn)

    assert await fan_out.peek(conn, ROUTES)
    with pytest.raises(ForeignClusterError, match=r"another cluster.*vestnik cursor rebase"):
        await fan_out.step(conn, ROUTES)
    assert [row["high"] for row in await snapshot_cursor.show(conn)] == [row["high"] for row in before]
    assert await inbox(conn) == []


async def test_rebase_keeps_scheduled_events(conn: Connection) -> None:
    """An event that waits for its time before a rebase waits for it afterwards, and is relayed then."""
    await conn.fetchval("select outbox.emit('t', array['ann'], deliver_at => now() + interval '1 day')")
    await fan_out.step(conn, ROUTES)

    assert await rebase(conn) == 0
    assert await relay_all(conn) == {}
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")
    assert await relay_all(conn) == {"t": 1}


@pytest.mark.parametrize("source_is_ahead", [True, False], ids=["ids above the cluster's", "ids below the cluster's"])
async def test_after_rebase_no_consumer_skips_an_event(
    conn: Connection, elsewhere: Postgres, restore: Restore, *, source_is_ahead: bool
) -> None:
    """Each consumer reads on where it stood: what none has read, once; what another has not, at least once.

    A batch that was handed out before the dump is void, and its events come again.
    """
    await set_ids_apart(conn, elsewhere, source_is_ahead=source_is_ahead)
    ids = [await event.emit(conn, "t", ["ann"]) for _ in range(6)]
    await fan_out.step(conn, ROUTES)
    assert await read(conn, "ahead") == ids
    assert await read(conn, "half", 3) == ids[:3]
    assert await read(conn, "held", 4) == ids[:4]
    held, _ = await pull(conn, "held")
    await consumer.pull(conn, "new", 1, HOUR, consumer.Start.NOW)
    ids.append(await event.emit(conn, "t", ["ann"]))

    restored = await restore()
    ids.append(await event.emit(restored, "t", ["ann"]))
    for name in ("ahead", "half", "held", "new", "unheard-of"):
        with pytest.raises(ForeignClusterError, match="vestnik cursor rebase"):
            await pull(restored, name)
    assert held is not None
    with pytest.raises(ForeignClusterError):
        await consumer.ack(restored, "held", held)

    assert await rebase(restored) == 2
    ids.append(await event.emit(restored, "t", ["ann"]))
    with pytest.raises(StaleBatchError):
        await consumer.ack(restored, "held", held)
    assert [await read(restored, name) for name in ("ahead", "half", "held", "new")] == [ids[3:]] * 4
    assert [await read(restored, name) for name in ("ahead", "half", "held", "new")] == [[]] * 4
    assert await read(restored, "unheard-of") == ids
    await relay_all(restored)
    assert await inbox(restored) == ids
    assert (await completeness.prove(restored, LONG_AGO)).holds


async def test_rebase_of_a_consumer_that_has_read_everything_repeats_nothing(conn: Connection) -> None:
    """Where every consumer has read as far as the relay, none gets an event again, and acked batches stay acked."""
    ids = [await event.emit(conn, "t", ["ann"]) for _ in range(3)]
    await fan_out.step(conn, ROUTES)
    batch, _ = await pull(conn, "billing")
    assert batch is not None
    await consumer.ack(conn, "billing", batch)

    assert await rebase(conn) == 0
    await consumer.ack(conn, "billing", batch)
    assert await read(conn, "billing") == []
    later = await event.emit(conn, "t", ["ann"])
    assert await read(conn, "billing") == [later]
    assert await relay_all(conn) == {"t": 1}
    assert await inbox(conn) == [*ids, later]


@pytest.mark.parametrize("due", ["now() + interval '1 day'", "now()"], ids=["not yet due", "due"])
async def test_a_scheduled_event_that_a_consumer_has_not_read(conn: Connection, due: str) -> None:
    """It comes to the consumer after the rebase, and to the inbox once, when its time has come."""
    later = "select outbox.emit('t', array['ann'], deliver_at => now() + interval '1 day')"
    event_id = await conn.fetchval(later)
    await fan_out.step(conn, ROUTES)
    await consumer.pull(conn, "billing", 1, HOUR)

    assert await rebase(conn) == 1
    for order in ("update outbox.event set deliver_at =", "update outbox.waiting set due_at ="):
        await conn.execute(f"{order} {due}")
    await relay_all(conn)
    assert await read(conn, "billing") == [event_id]
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")
    await relay_all(conn)
    assert await inbox(conn) == [event_id]


async def test_a_consumer_misses_no_transaction_that_is_open_during_a_rebase(pool: Pool, conn: Connection) -> None:
    """What a transaction writes that is open during the rebase comes to every consumer when it commits."""
    await pull(conn, "billing")
    async with pool.acquire() as writer, writer.transaction():
        ids = [await event.emit(writer, "t", ["ann"])]
        assert await rebase(conn) == 0
        assert await read(conn, "billing") == []
        ids.append(await event.emit(writer, "t", ["ann"]))
    assert await read(conn, "billing") == ids
