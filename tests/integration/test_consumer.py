"""Named consumers: batches under a lease, acked once, and every committed event in them."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from outbox.cursor import consumer, snapshot_cursor
from outbox.cursor.consumer import Handed, Start
from outbox.database.connection import Connection, Pool
from outbox.error import InvalidConsumerError, StaleBatchError, UnknownConsumerError
from outbox.event_log import event
from outbox.relay import fan_out
from tests.integration.test_cursor import ROUTES, Relay, held_open, torture
from tests.integration.test_emit import acting_as
from workers.embedded.engine import Postgres

HOUR = timedelta(hours=1)
AT_ONCE = timedelta(0)


async def pull(conn: Connection, limit: int = 100, lease: timedelta = HOUR, start: Start = Start.START) -> Handed:
    """Pull for the consumer `billing`."""
    return await consumer.pull(conn, "billing", limit, lease, start)


async def ack(conn: Connection, handed: Handed) -> None:
    """Ack a batch of the consumer `billing`."""
    assert handed.batch is not None
    await consumer.ack(conn, "billing", handed.batch)


async def read(conn: Connection, limit: int = 100) -> list[int]:
    """Pull and ack one batch; tell the ids of its events."""
    handed = await pull(conn, limit)
    if handed.batch is not None:
        await ack(conn, handed)
    return ids_of(handed)


def events_of(handed: Handed) -> list[dict[str, Any]]:
    """Read the events of a batch."""
    return [json.loads(document) for document in handed.events]


def ids_of(handed: Handed) -> list[int]:
    """Tell the ids of the events of a batch, in its order."""
    return [found["id"] for found in events_of(handed)]


async def end_lease(conn: Connection) -> None:
    """Let the lease of every batch be over."""
    await conn.execute("update outbox.pull set lease_until = now()")


async def stands(conn: Connection) -> tuple[object, ...]:
    """Tell where the cursor of `billing` stands."""
    row = await conn.fetchrow("select low, high, at_xid, at_id from outbox.cursor where consumer = 'billing'")
    assert row is not None
    return tuple(row)


def reader(acked: Counter[tuple[int, str]], limit: int, lease: timedelta) -> Relay:
    """Make a caller that notes what it has pulled once the ack of it has held."""

    async def step(conn: Connection) -> bool:
        handed = await pull(conn, limit, lease)
        if handed.batch is None:
            return False
        try:
            await ack(conn, handed)
        except StaleBatchError:
            return True
        acked.update((found["id"], recipient) for found in events_of(handed) for recipient in found["recipients"])
        return True

    return step


IS_ACKED = "select exists (select from outbox.pull where acked_at is not null)"


async def test_every_committed_event_is_acked_once(pool: Pool, postgres: Postgres) -> None:
    """Under late, nested, undone and long transactions three callers ack each committed event once, and no other.

    The lease of two of them is over at once: what they pull is handed to others before they ack it.
    """
    acked: Counter[tuple[int, str]] = Counter()
    readers = [reader(acked, *how) for how in ((7, AT_ONCE), (90, AT_ONCE), (50, HOUR))]
    written = await torture(pool, postgres, readers, 5.0, least=300, is_read=IS_ACKED)

    wanted = {(id_, recipient) for id_, recipients in written.committed.items() for recipient in recipients}
    assert wanted - acked.keys() == set(), "lost"
    assert acked.keys() - wanted == set(), "invented"
    assert set(acked.values()) == {1}


async def test_nobody_waits_for_a_slow_writer(pool: Pool, conn: Connection) -> None:
    """An event is handed out while an older transaction is still open, and that one's when it commits."""
    async with pool.acquire() as slow, held_open(slow, "select outbox.emit('t', array['slow'])"):
        quick = await event.emit(conn, "t", ["quick"])
        assert await read(conn) == [quick]
        assert await read(conn) == []
    assert await read(conn) == [quick - 1]


async def test_consumers_and_the_relay_read_for_themselves(conn: Connection) -> None:
    """What one consumer has acked, or the relay relayed, is unread to another."""
    ids = [await event.emit(conn, "t", ["ann"]) for _ in range(3)]
    assert await read(conn) == ids
    other = await consumer.pull(conn, "search", 100, HOUR)
    batch = await fan_out.step(conn, ROUTES)

    assert ids_of(other) == ids
    assert batch is not None
    assert batch.relayed == {"t": 3}


async def test_a_window_is_read_in_pieces(conn: Connection) -> None:
    """Batches end at their limit, in the order of the log, and the last of a window leads on to what came since."""
    async with conn.transaction():
        ids = [await event.emit(conn, "t", ["ann"]) for _ in range(4)]
    first = await read(conn, 2)
    later = await event.emit(conn, "t", ["ann"])

    assert (first, await read(conn, 2)) == (ids[:2], ids[2:])
    assert await read(conn, 2) == [later]
    assert await read(conn, 2) == []


async def test_a_leased_batch_is_nobody_elses(conn: Connection) -> None:
    """While a lease runs nothing is handed out, of what came since neither, and it is told when the lease ends."""
    await event.emit(conn, "t", ["ann"])
    first = await pull(conn)
    await event.emit(conn, "t", ["ann"])

    assert first.lease_until is not None
    assert await pull(conn) == Handed(lease_until=first.lease_until)


async def test_an_unacked_batch_comes_again_under_another_id(conn: Connection) -> None:
    """After the lease's end the events are handed out again; only the newer batch can be acked then."""
    ids = [await event.emit(conn, "t", ["ann"])]
    first = await pull(conn)
    await end_lease(conn)
    ids.append(await event.emit(conn, "t", ["ann"]))
    second = await pull(conn)

    assert (ids_of(first), ids_of(second)) == (ids[:1], ids)
    assert first.batch != second.batch
    with pytest.raises(StaleBatchError, match="is not the newest batch of 'billing': pull again"):
        await ack(conn, first)
    await ack(conn, second)
    assert await read(conn) == []


async def test_a_late_ack_holds_while_nobody_else_has_the_events(conn: Connection) -> None:
    """After the lease's end, but before the events were handed out again, an ack moves the cursor as ever."""
    await event.emit(conn, "t", ["ann"])
    first = await pull(conn)
    await end_lease(conn)
    await ack(conn, first)

    assert await read(conn) == []


async def test_an_ack_twice_is_as_good_as_once(conn: Connection) -> None:
    """The second ack of a batch moves nothing, forwards or back, also after the cursor has gone on."""
    await event.emit(conn, "t", ["ann"])
    first = await pull(conn)
    await ack(conn, first)
    await conn.execute("begin; select outbox.emit('t', array['ann']); rollback")
    later = await event.emit(conn, "t", ["ann"])
    await ack(conn, first)
    second = await pull(conn)
    with pytest.raises(StaleBatchError):
        await ack(conn, first)

    assert ids_of(second) == [later]
    await ack(conn, second)
    stood = await stands(conn)
    await ack(conn, second)
    assert await stands(conn) == stood


async def test_an_ack_twice_does_not_take_an_empty_read_back(conn: Connection) -> None:
    """A read that finds nothing moves the cursor by itself; a repeated ack of the batch before leaves it there."""
    for _ in range(2):
        await event.emit(conn, "t", ["ann"])
    full = await pull(conn, 2)
    await ack(conn, full)
    assert await pull(conn) == Handed()
    stood = await stands(conn)
    await ack(conn, full)

    assert await stands(conn) == stood
    assert not await snapshot_cursor.peek(conn, "billing")


async def test_of_many_pulls_at_once_one_gets_the_events(pool: Pool, conn: Connection) -> None:
    """Ten callers at once, of a consumer that nobody knew: one has the batch, the others are told until when."""
    ids = [await event.emit(conn, "t", ["ann"]) for _ in range(5)]

    async def one() -> Handed:
        async with pool.acquire() as own:
            return await pull(own)

    handed = await asyncio.gather(*(one() for _ in range(10)))
    (winner,) = [found for found in handed if found.batch is not None]
    assert ids_of(winner) == ids
    assert {found.lease_until for found in handed} == {winner.lease_until}


async def test_of_an_ack_and_a_pull_at_once_one_is_first(pool: Pool, conn: Connection) -> None:
    """When a lease is over, either the ack holds and the events are gone, or they are handed out and it does not."""
    expected: list[int] = []
    acked: list[int] = []

    async def try_ack(handed: Handed) -> bool:
        async with pool.acquire() as own:
            try:
                await ack(own, handed)
            except StaleBatchError:
                return False
            return True

    async def pull_again() -> Handed:
        async with pool.acquire() as own:
            return await pull(own)

    for _ in range(20):
        expected.append(await event.emit(conn, "t", ["ann"]))
        first = await pull(conn, lease=AT_ONCE)
        held, held_too, again = await asyncio.gather(try_ack(first), try_ack(first), pull_again())
        if held or held_too:
            acked += ids_of(first)
        if again.batch is not None:
            await ack(conn, again)
            acked += ids_of(again)
    assert acked == expected


async def test_a_pull_that_dies_leaves_nothing(pool: Pool, conn: Connection) -> None:
    """A batch whose transaction is not committed was never handed out."""
    event_id = await event.emit(conn, "t", ["ann"])
    await read(conn, 1)
    later = await event.emit(conn, "t", ["ann"])
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        assert ids_of(await pull(other)) == [later]
        await transaction.rollback()

    assert await read(conn) == [later]
    assert event_id < later


async def test_a_consumer_begins_where_it_asks_to(pool: Pool, conn: Connection) -> None:
    """By default before everything in the log; from `now` with what commits later; and it never begins twice."""
    async with pool.acquire() as slow, held_open(slow, "select outbox.emit('t', array['slow'])"):
        before = await event.emit(conn, "t", ["ann"])
        whole = await consumer.pull(conn, "whole", 100, HOUR)
        assert await consumer.pull(conn, "new", 100, HOUR, Start.NOW) == Handed()
    after = await event.emit(conn, "t", ["ann"])

    assert ids_of(whole) == [before]
    again = await consumer.pull(conn, "new", 100, AT_ONCE, Start.NOW)
    assert ids_of(again) == [before - 1, after]
    assert ids_of(await consumer.pull(conn, "new", 100, HOUR, Start.START)) == [before - 1, after]


# numbers that no float holds, times that no other program would write
ODD = """
select outbox.emit('t', array['ann'], '{"huge": 1e5000, "exact": 0.10000000000000000000000001}',
  deliver_at => '1970-01-01T00:00Z', expires_at => '9999-12-31T00:00Z')
"""


async def test_an_event_is_handed_out_as_it_was_written(conn: Connection) -> None:
    """Every digit of its payload is there, however large the number, and every time in UTC."""
    await conn.execute("set timezone = 'Asia/Kathmandu'")
    id_ = await event.emit(
        conn, "payout.paid", ["bob", "ann"], {"text": 'Ромашка "🌼"'}, dedupe_key="k", request_id="r"
    )
    await conn.execute("update outbox.event set created_at = '2030-01-02 03:04:05.0607+00'")
    await conn.execute(ODD)
    first, odd = (await pull(conn)).events

    assert json.loads(first) == {
        "id": id_,
        "type": "payout.paid",
        "recipients": ["bob", "ann"],
        "payload": {"text": 'Ромашка "🌼"'},
        "requestId": "r",
        "traceparent": None,
        "dedupeKey": "k",
        "createdAt": "2030-01-02T03:04:05.060700Z",
        "deliverAt": None,
        "expiresAt": None,
    }
    assert f'"huge": 1{"0" * 5000}' in odd
    assert '"exact": 0.10000000000000000000000001' in odd
    assert '"deliverAt" : "1970-01-01T00:00:00.000000Z", "expiresAt" : "9999-12-31T00:00:00.000000Z"' in odd


async def test_a_batch_ends_at_its_bytes(conn: Connection) -> None:
    """A batch has no more than 8 MiB of events, but always one; the next goes on behind it."""
    await conn.execute(
        "select outbox.emit('t', '{ann}', jsonb_build_object('text', repeat('x', 65000))) from generate_series(1, 200)"
    )
    await conn.execute("select outbox.emit('t', array(select repeat('x', 1000) || n from generate_series(1, 10000) n))")
    batches = []
    while batch := await read(conn, 500):
        batches.append(len(batch))

    # 65,000 letters and some 190 bytes around them: 128 times is under 8,388,608, 129 times is not
    assert batches == [128, 72, 1]


async def test_an_event_for_later_comes_at_once(conn: Connection) -> None:
    """Consumers get an event when it commits and decide by its deliverAt; the relay's waiting room wakes none."""
    due = "select outbox.emit('t', array['ann'], deliver_at => now() + interval '1 day')"
    event_id = await conn.fetchval(due)
    await fan_out.step(conn, ROUTES)
    (found,) = events_of(handed := await pull(conn))
    await ack(conn, handed)
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")

    assert found["id"] == event_id
    assert found["deliverAt"] is not None
    assert await fan_out.peek(conn, ROUTES)
    assert not await snapshot_cursor.peek(conn, "billing")


async def test_an_idle_pull_writes_nothing(conn: Connection) -> None:
    """A consumer that has read everything may look as often as it likes: no transaction id, no row is written."""
    await event.emit(conn, "t", ["ann"])
    await read(conn)
    async with conn.transaction():
        assert await pull(conn) == Handed()
        assert await conn.fetchval("select pg_current_xact_id_if_assigned()") is None


async def test_an_unknown_consumer_has_nothing_to_ack(conn: Connection) -> None:
    """To ack for a consumer that never pulled, or for the relay, is refused; so is a batch that nobody was given."""
    for name in ("billing", "relay"):
        with pytest.raises(UnknownConsumerError, match=f"no consumer '{name}'"):
            await consumer.ack(conn, name, uuid4())
    await pull(conn)
    with pytest.raises(StaleBatchError):
        await consumer.ack(conn, "billing", UUID(int=7))


@pytest.mark.parametrize("name", ["relay", "", "Billing", ".a", "a b", "a" * 64])
async def test_not_every_name_is_a_consumers(conn: Connection, name: str) -> None:
    """A name is up to 63 small letters, digits, dots, dashes and underscores, and is not the relay's."""
    with pytest.raises(InvalidConsumerError):
        await consumer.pull(conn, name, 1, HOUR)
    assert [row["consumer"] for row in await snapshot_cursor.show(conn)] == ["relay"]


async def test_a_dropped_consumer_is_forgotten(conn: Connection) -> None:
    """Nothing of it is left, its batch is void, and if it pulls again it begins anew; the relay is never dropped."""
    event_id = await event.emit(conn, "t", ["ann"])
    first = await pull(conn)
    await consumer.drop(conn, "billing")
    with pytest.raises(UnknownConsumerError):
        await ack(conn, first)
    with pytest.raises(UnknownConsumerError, match="no consumer 'billing'"):
        await consumer.drop(conn, "billing")
    with pytest.raises(InvalidConsumerError, match="without it nothing is delivered"):
        await consumer.drop(conn, "relay")

    assert [row["consumer"] for row in await snapshot_cursor.show(conn)] == ["relay"]
    assert await read(conn) == [event_id]


async def test_the_worker_role_may_do_it_all(conn: Connection) -> None:
    """The role outbox_worker has the rights to pull, ack and drop; the reader has none of them."""
    async with acting_as(conn, "outbox_worker"):
        event_id = await event.emit(conn, "t", ["ann"])
        assert await read(conn) == [event_id]
        await consumer.drop(conn, "billing")
    async with acting_as(conn, "outbox_reader"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pull(conn)
