"""Events for later, and deliveries that come too late."""

from datetime import UTC, datetime, timedelta

import pytest

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing

HOUR = timedelta(hours=1)
BOTH = frozenset(Channel)
ROUTES = Routing(
    {
        "t": Route("t", "c", BOTH),
        "t.short": Route("t.short", "c", BOTH, ttl=HOUR),
    }
)
TOMORROW = datetime.now(UTC) + timedelta(days=1)
NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)


async def inbox(conn: Connection, recipient: str = "ann") -> list[int]:
    """List the events in one inbox in the order in which they came."""
    rows = await conn.fetch("select event_id from outbox.notification where recipient = $1 order by version", recipient)
    return [row["event_id"] for row in rows]


async def link(conn: Connection, recipient: str) -> None:
    """Give a recipient a chat."""
    await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ($1, 7)", recipient)


async def test_an_event_for_later_waits_and_holds_up_nobody(conn: Connection) -> None:
    """An event whose deliver_at has not come waits in outbox.waiting while later ones of its lane go on."""
    await link(conn, "ann")
    later = await event.emit(conn, "t", ["ann"], deliver_at=TOMORROW)
    now = await event.emit(conn, "t", ["ann"])
    await fan_out.step(conn, ROUTES)

    assert await inbox(conn) == [now]
    assert [row[0] for row in await conn.fetch("select event_id from outbox.delivery")] == [now]
    rows = await conn.fetch("select event_id, due_at from outbox.waiting")
    assert [tuple(row) for row in rows] == [(later, TOMORROW)]
    assert not await fan_out.peek(conn, ROUTES)


async def test_an_event_is_fanned_out_when_its_time_has_come(conn: Connection) -> None:
    """A scheduled event that is due is something to look at, and is fanned out once."""
    await link(conn, "ann")
    later = await event.emit(conn, "t", ["ann"], deliver_at=TOMORROW)
    await fan_out.step(conn, ROUTES)
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")

    assert await fan_out.peek(conn, ROUTES)
    batch = await fan_out.step(conn, ROUTES)
    assert batch is not None
    assert batch.relayed == {"t": 1}
    assert await inbox(conn) == [later]
    assert [row[0] for row in await conn.fetch("select event_id from outbox.delivery")] == [later]
    assert await conn.fetchval("select count(*) from outbox.waiting") == 0
    assert not await fan_out.peek(conn, ROUTES)


async def test_a_time_that_has_passed_is_now(conn: Connection) -> None:
    """An event whose deliver_at lies in the past is relayed as any other."""
    event_id = await event.emit(conn, "t", ["ann"], deliver_at=datetime(2020, 1, 1, tzinfo=UTC))
    await fan_out.step(conn, ROUTES)

    assert await inbox(conn) == [event_id]


async def test_due_events_come_in_the_order_of_their_times(conn: Connection) -> None:
    """Events that fall due together arrive in the order of their times, not of their ids."""
    ids = [await event.emit(conn, "t", ["ann"], deliver_at=TOMORROW - i * HOUR / 60) for i in range(50)]
    await fan_out.step(conn, ROUTES)
    await conn.execute("update outbox.waiting set due_at = due_at - interval '2 days'")
    await fan_out.step(conn, ROUTES)

    assert await inbox(conn) == ids[::-1]


async def test_a_scheduled_event_is_taken_in_pieces(conn: Connection) -> None:
    """No more events than the limit fall due in one batch, and the rest is something to look at."""
    for _ in range(3):
        await event.emit(conn, "t", ["ann"], deliver_at=TOMORROW)
    await fan_out.step(conn, ROUTES)
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")
    await fan_out.step(conn, ROUTES, 2)

    assert len(await inbox(conn)) == 2
    assert await fan_out.peek(conn, ROUTES)


@pytest.mark.parametrize(
    ("type_", "expires_at", "expected"),
    [
        ("t", None, None),
        ("t", TOMORROW, "emitted expiry"),
        ("t.short", None, "an hour"),
        ("t.short", TOMORROW, "an hour"),
        ("t.short", datetime(2020, 1, 1, tzinfo=UTC), "emitted expiry"),
    ],
)
async def test_a_delivery_expires_at_the_earlier_end(
    conn: Connection, type_: str, expires_at: datetime | None, expected: str | None
) -> None:
    """A Telegram delivery ends at the event's expires_at or its type's time to live after the emit, the earlier."""
    await link(conn, "ann")
    await event.emit(conn, type_, ["ann"], expires_at=expires_at)
    emitted = await conn.fetchval("select created_at from outbox.event")
    await fan_out.step(conn, ROUTES)

    ends = {None: None, "emitted expiry": expires_at, "an hour": emitted + HOUR}
    row = await conn.fetchrow("select channel, state, expires_at from outbox.delivery")
    assert row is not None
    assert tuple(row) == ("telegram", "pending", ends[expected])


async def test_time_to_live_of_a_scheduled_event_begins_when_it_is_due(conn: Connection) -> None:
    """The time to live of an event for later counts from its deliver_at on."""
    await link(conn, "ann")
    await event.emit(conn, "t.short", ["ann"], deliver_at=TOMORROW, expires_at=NEXT_YEAR)
    await fan_out.step(conn, ROUTES)
    due_at = await conn.fetchval("update outbox.waiting set due_at = due_at - interval '2 days' returning due_at")
    await fan_out.step(conn, ROUTES)

    assert await conn.fetchval("select expires_at from outbox.delivery") == due_at + HOUR


async def test_an_expiry_does_not_keep_a_notification_from_the_inbox(conn: Connection) -> None:
    """The inbox shows an event also when it was too late for Telegram."""
    await link(conn, "ann")
    event_id = await event.emit(conn, "t", ["ann"], expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    await fan_out.step(conn, ROUTES)

    assert await inbox(conn) == [event_id]
