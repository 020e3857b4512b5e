"""The proof adds up what happened, and finds by name each way in which it could fail to."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.proof import completeness
from outbox.proof.completeness import Gap
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing

ROUTES = Routing(
    {
        "both": Route("both", "c", frozenset(Channel)),
        "inbox": Route("inbox", "c", frozenset({Channel.INAPP})),
    }
)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
INVENT = "insert into outbox.notification (event_id, recipient, type, category, version) values ($1, $2, 't', 'c', 1)"


@pytest.fixture
async def event_id(conn: Connection) -> int:
    """Relay one event for ann, who has a chat, and bob, who has none, to both channels."""
    await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ('ann', 7)")
    id_ = await event.emit(conn, "both", ["ann", "bob"])
    await fan_out.step(conn, ROUTES)
    return id_


async def gaps(conn: Connection) -> list[Gap]:
    """Prove, hold the proof to its word, and list what it found."""
    found = await completeness.prove(conn, LONG_AGO)
    assert found.holds == (not found.gaps)
    return found.gaps


async def test_an_empty_outbox_holds(conn: Connection) -> None:
    """Nothing adds up to nothing."""
    found = await completeness.prove(conn, LONG_AGO)

    assert (found.events, found.waiting, found.unrouted, found.expected, found.accounted) == (0, 0, 0, 0, 0)
    assert found.states == {}
    assert found.holds


async def test_everything_adds_up(conn: Connection, event_id: int) -> None:
    """Events by recipients by channels are the sum of all states, each under its channel."""
    await conn.execute("insert into outbox.preference values ('ann', 'c', 'inapp', false)")
    assert await event.emit(conn, "inbox", ["ann", "bob", "eve"]) > event_id
    await event.emit(conn, "nobody knows", ["ann"])
    await fan_out.step(conn, ROUTES)

    found = await completeness.prove(conn, LONG_AGO)
    assert (found.events, found.waiting, found.unrouted) == (3, 1, 1)
    assert found.expected == 2 * 2 + 3
    assert found.accounted == 2 * 2 + 3
    assert found.states == {"telegram": {"pending": 1, "skipped": 1}, "inapp": {"sent": 4, "skipped": 1}}
    assert found.holds


@pytest.mark.usefixtures("event_id")
async def test_what_is_being_sent_counts_as_pending(conn: Connection) -> None:
    """A delivery that a worker holds is pending to the proof."""
    assert len(await lane_claim.claim(conn, Channel.TELEGRAM, 10)) == 1

    found = await completeness.prove(conn, LONG_AGO)
    assert found.states["telegram"] == {"pending": 1, "skipped": 1}
    assert found.holds


@pytest.mark.parametrize("state", ["sent", "dead", "expired", "skipped", "unknown"])
@pytest.mark.usefixtures("event_id")
async def test_every_end_of_a_delivery_counts(conn: Connection, state: str) -> None:
    """A delivery is accounted for in whatever state it ends."""
    await conn.execute(
        "update outbox.delivery set state = $1, reason = 'x', settled_at = now() where recipient = 'ann'", state
    )

    found = await completeness.prove(conn, LONG_AGO)
    assert Counter(found.states["telegram"]) == Counter([state, "skipped"])
    assert found.holds


async def test_events_ahead_of_the_cursor_wait(conn: Connection) -> None:
    """An event that is not relayed yet waits, and is no gap."""
    await event.emit(conn, "both", ["ann"])

    found = await completeness.prove(conn, LONG_AGO)
    assert (found.events, found.waiting, found.expected) == (1, 1, 0)
    assert found.holds


async def test_events_within_a_window_wait(conn: Connection) -> None:
    """Of a window that is half read the rest waits, and is no gap."""
    for _ in range(5):
        await event.emit(conn, "both", ["ann"])
    await fan_out.step(conn, ROUTES, 2)

    found = await completeness.prove(conn, LONG_AGO)
    assert (found.events, found.waiting, found.expected) == (5, 3, 4)
    assert found.holds


async def test_scheduled_events_wait(conn: Connection) -> None:
    """An event whose time has not come waits, and is no gap though the cursor has passed it."""
    await event.emit(conn, "both", ["ann"], deliver_at=datetime.now(UTC) + timedelta(days=1))
    await fan_out.step(conn, ROUTES)

    found = await completeness.prove(conn, LONG_AGO)
    assert (found.events, found.waiting, found.expected) == (1, 1, 0)
    assert found.holds


async def test_since_leaves_out_what_was_before(conn: Connection, event_id: int) -> None:
    """Only events emitted since the given time are added up, and only their gaps are listed."""
    await conn.execute("delete from outbox.notification")
    since = await conn.fetchval("select clock_timestamp()")
    await event.emit(conn, "both", ["ann"])
    await fan_out.step(conn, ROUTES)

    found = await completeness.prove(conn, since)
    assert (found.events, found.expected, found.accounted) == (1, 2, 2)
    assert found.holds
    assert {gap.event_id for gap in await gaps(conn)} == {event_id}


async def test_finds_a_lost_event(conn: Connection, event_id: int) -> None:
    """An event behind the cursor that was never relayed is lost."""
    await conn.execute("delete from outbox.notification; delete from outbox.delivery; delete from outbox.batch")

    assert await gaps(conn) == [Gap("lost", event_id)]


async def test_finds_an_event_that_a_half_read_window_lost(conn: Connection) -> None:
    """An event that a half read window has passed without relaying it is lost."""
    ids = [await event.emit(conn, "inbox", ["ann"]) for _ in range(3)]
    await fan_out.step(conn, ROUTES, 2)
    await conn.execute("delete from outbox.notification where event_id = $1", ids[0])
    await conn.execute("update outbox.batch set events = events - int8multirange(int8range($1, $1, '[]'))", ids[0])

    assert await gaps(conn) == [Gap("lost", ids[0])]


async def test_finds_a_scheduled_event_that_was_dropped(conn: Connection) -> None:
    """An event for later that is neither scheduled nor relayed is lost."""
    later = await event.emit(conn, "both", ["ann"], deliver_at=datetime.now(UTC) + timedelta(days=1))
    await fan_out.step(conn, ROUTES)
    await conn.execute("delete from outbox.waiting")

    assert await gaps(conn) == [Gap("lost", later)]


async def test_finds_a_missing_notification(conn: Connection, event_id: int) -> None:
    """A recipient whom the event was routed to in the inbox, without a record, is missing."""
    await conn.execute("delete from outbox.notification where recipient = 'bob'")

    assert await gaps(conn) == [Gap("missing", event_id, "inapp", "bob")]


async def test_finds_a_missing_delivery(conn: Connection, event_id: int) -> None:
    """A recipient whom the event was routed to on Telegram, without a record, is missing."""
    await conn.execute("delete from outbox.delivery where recipient = 'ann'")

    assert await gaps(conn) == [Gap("missing", event_id, "telegram", "ann")]


async def test_finds_what_is_there_twice(conn: Connection, event_id: int) -> None:
    """A recipient with a notification and an in-app delivery of one event is accounted for twice."""
    await conn.execute(
        """
        with inbox as (insert into outbox.lane (channel, recipient) values ('inapp', 'ann') returning id)
        insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
        select $1, id, 'inapp', 'ann', 'skipped', 'muted', now() from inbox
        """,
        event_id,
    )

    assert await gaps(conn) == [Gap("twice", event_id, "inapp", "ann")]


async def test_finds_records_without_an_event(conn: Connection, event_id: int) -> None:
    """Records whose event is gone are orphans."""
    await conn.execute("delete from outbox.event")

    found = await gaps(conn)
    assert {(gap.fault, gap.channel, gap.recipient) for gap in found} == {
        ("orphan", "telegram", "ann"),
        ("orphan", "telegram", "bob"),
        ("orphan", "inapp", "ann"),
        ("orphan", "inapp", "bob"),
    }
    assert {gap.event_id for gap in found} == {event_id}


async def test_finds_a_delivery_without_a_lane(conn: Connection, event_id: int) -> None:
    """A delivery that no lane holds would never be sent: it is an orphan."""
    await conn.execute("delete from outbox.lane where recipient = 'ann'")

    assert await gaps(conn) == [Gap("orphan", event_id, "telegram", "ann")]


async def test_finds_a_record_of_an_event_that_was_not_relayed(conn: Connection) -> None:
    """A record of an event that the relay has not noted is an orphan."""
    waiting = await event.emit(conn, "inbox", ["ann"])
    await conn.execute(INVENT, waiting, "ann")

    assert await gaps(conn) == [Gap("orphan", waiting, "inapp", "ann")]


async def test_finds_a_record_for_somebody_else(conn: Connection, event_id: int) -> None:
    """A notification for one whom the event was not for is listed, not only missing in the sum."""
    await conn.execute(INVENT, event_id, "eve")

    found = await completeness.prove(conn, LONG_AGO)
    assert not found.holds
    assert [(gap.event_id, gap.channel, gap.recipient) for gap in found.gaps] == [(event_id, "inapp", "eve")]
