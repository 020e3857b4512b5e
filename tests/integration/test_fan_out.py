"""The relay: what an event becomes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from outbox.cursor import snapshot_cursor
from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.event_log.event import emit
from outbox.person.recipient import Profile, save
from outbox.proof.completeness import prove
from outbox.relay import fan_out
from outbox.relay.fan_out import Batch
from outbox.relay.routing import Route, Routing
from tests.integration.runs import standing

BOTH = frozenset({Channel.TELEGRAM, Channel.INAPP})
TELEGRAM = frozenset({Channel.TELEGRAM})
MINUTE = timedelta(minutes=1)
ROUTES = Routing(
    {
        "order.paid": Route("order.paid", "orders", BOTH),
        "order.hint": Route("order.hint", "hints", frozenset({Channel.INAPP})),
        "login.code": Route("login.code", "security", TELEGRAM),
        "order.call": Route("order.call", "orders", TELEGRAM, ttl=10 * MINUTE),
        "news.weekly": Route("news.weekly", "news", TELEGRAM),
        "pay.code": Route("pay.code", "security", TELEGRAM, urgent=True),
    }
)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def relay_all(conn: Connection) -> list[Batch]:
    """Relay until nothing is left to read; return the batches that held something."""
    batches = []
    while await fan_out.peek(conn, ROUTES):
        batch = await fan_out.step(conn, ROUTES)
        assert batch is not None
        if batch.relayed:
            batches.append(batch)
    return batches


async def link(conn: Connection, recipients: Iterable[str]) -> None:
    """Link each recipient to a chat."""
    await save(conn, [Profile(recipient, chat_id=1000 + number) for number, recipient in enumerate(recipients)])


async def inbox(conn: Connection, recipient: str) -> list[tuple[int, int]]:
    """List what a recipient's inbox shows: event and version, as it was written."""
    rows = await conn.fetch(
        "select event_id, version from outbox.notification where recipient = $1 order by id", recipient
    )
    return [(row["event_id"], row["version"]) for row in rows]


async def counted(conn: Connection, recipient: str) -> tuple[int, int] | None:
    """Read a recipient's unread counter and version."""
    row = await conn.fetchrow("select unread, version from outbox.inbox where recipient = $1", recipient)
    return None if row is None else (row["unread"], row["version"])


async def deliveries(conn: Connection) -> list[tuple[int, str, str, str, str | None]]:
    """List all deliveries: event, channel, recipient, state, reason."""
    rows = await conn.fetch("select event_id, channel, recipient, state, reason from outbox.delivery order by id")
    return [(row["event_id"], row["channel"], row["recipient"], row["state"], row["reason"]) for row in rows]


async def test_each_recipient_is_notified_and_counted(conn: Connection) -> None:
    """An event becomes one notification for each recipient, with an unread counter and consecutive versions."""
    first = await emit(conn, "order.hint", ["anna", "boris"])
    second = await emit(conn, "order.hint", ["anna"])
    third = await emit(conn, "order.hint", ["boris", "anna"])
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(first, 1), (second, 2), (third, 3)]
    assert await inbox(conn, "boris") == [(first, 1), (third, 2)]
    assert await counted(conn, "anna") == (3, 3)
    assert await counted(conn, "boris") == (2, 2)


async def test_counting_goes_on_in_the_next_batch(conn: Connection) -> None:
    """A later batch goes on where the counter and the version stand, also after something was read."""
    await emit(conn, "order.hint", ["anna"])
    await relay_all(conn)
    await conn.execute("update outbox.inbox set unread = 0, version = version + 1")
    event = await emit(conn, "order.hint", ["anna"])
    await relay_all(conn)
    assert (await inbox(conn, "anna"))[-1] == (event, 3)
    assert await counted(conn, "anna") == (1, 3)


async def test_what_commits_first_comes_first(conn: Connection, database_url: str) -> None:
    """An event whose transaction began first but committed last comes last."""
    slow = await connect(database_url)
    transaction = slow.transaction()
    await transaction.start()
    early = await emit(slow, "order.hint", ["anna"])
    late = await emit(conn, "order.hint", ["anna"])
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(late, 1)]
    await transaction.commit()
    await slow.close()
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(late, 1), (early, 2)]


async def test_telegram_deliveries_wait_in_lanes(conn: Connection) -> None:
    """Telegram deliveries of one recipient wait in one lane, which is due, in the order of their events."""
    await link(conn, ["anna", "boris"])
    first = await emit(conn, "login.code", ["anna", "boris"])
    second = await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await deliveries(conn) == [
        (first, "telegram", "anna", "pending", None),
        (first, "telegram", "boris", "pending", None),
        (second, "telegram", "anna", "pending", None),
    ]
    lanes = await conn.fetch(
        "select l.recipient, count(*) as waiting, bool_and(l.id = any(r.lanes)) as due"
        " from outbox.delivery d join outbox.lane l on l.id = d.lane_id and l.recipient = d.recipient"
        " join outbox.run r on r.due_at <= now() group by l.id, l.recipient order by 1"
    )
    assert [tuple(row) for row in lanes] == [("anna", 2, True), ("boris", 1, True)]
    assert await conn.fetchval("select count(*) from outbox.lane") == 2


async def test_a_type_for_both_channels_goes_to_both(conn: Connection) -> None:
    """An event routed to both channels becomes a notification and a Telegram delivery."""
    await link(conn, ["anna"])
    event = await emit(conn, "order.paid", ["anna"])
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(event, 1)]
    assert await deliveries(conn) == [(event, "telegram", "anna", "pending", None)]


async def test_who_has_no_link_is_skipped(conn: Connection) -> None:
    """Who has linked no chat gets a skipped delivery with the reason, and the lane stays idle."""
    event = await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await deliveries(conn) == [(event, "telegram", "anna", "skipped", "no_link")]
    assert await standing(conn) == "idle"


async def test_an_ended_link_is_no_link(conn: Connection) -> None:
    """Who has unlinked the chat is skipped as one who never linked it."""
    await link(conn, ["anna"])
    await conn.execute("update outbox.telegram_link set unlinked_at = now()")
    event = await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await deliveries(conn) == [(event, "telegram", "anna", "skipped", "no_link")]


@pytest.mark.parametrize("state", ["blocked", "unreachable", "suspended"])
async def test_a_closed_chat_is_skipped(conn: Connection, state: str) -> None:
    """A chat that cannot be written to gets nothing, and the delivery says which kind of closed it is."""
    await link(conn, ["anna"])
    await conn.execute("update outbox.telegram_link set state = $1", state)
    event = await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await deliveries(conn) == [(event, "telegram", "anna", "skipped", state)]


async def test_what_is_muted_on_telegram_still_shows_in_the_inbox(conn: Connection) -> None:
    """A category switched off on Telegram is skipped there and nowhere else."""
    await link(conn, ["anna"])
    await conn.execute("insert into outbox.preference values ('anna', 'orders', 'telegram', false)")
    event = await emit(conn, "order.paid", ["anna"])
    await relay_all(conn)
    assert await deliveries(conn) == [(event, "telegram", "anna", "skipped", "muted")]
    assert await inbox(conn, "anna") == [(event, 1)]


async def test_what_is_muted_in_the_inbox_still_goes_to_telegram(conn: Connection) -> None:
    """A category switched off in the inbox counts nothing there, is accounted for, and goes to Telegram."""
    await link(conn, ["anna"])
    await conn.execute("insert into outbox.preference values ('anna', 'orders', 'inapp', false)")
    event = await emit(conn, "order.paid", ["anna"])
    await relay_all(conn)
    assert sorted(await deliveries(conn)) == [
        (event, "inapp", "anna", "skipped", "muted"),
        (event, "telegram", "anna", "pending", None),
    ]
    assert await inbox(conn, "anna") == []
    assert await counted(conn, "anna") is None


async def test_a_choice_concerns_its_category_only(conn: Connection) -> None:
    """A category switched off leaves the others on, and one switched on again is on."""
    await link(conn, ["anna"])
    await conn.execute("insert into outbox.preference values ('anna', 'orders', 'telegram', false)")
    await conn.execute("insert into outbox.preference values ('anna', 'security', 'telegram', true)")
    event = await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await deliveries(conn) == [(event, "telegram", "anna", "pending", None)]


async def waiting(conn: Connection) -> list[tuple[int, str, str]]:
    """List the events that wait: event, type, reason."""
    rows = await conn.fetch("select event_id, type, reason from outbox.waiting order by id")
    return [(row["event_id"], row["type"], row["reason"]) for row in rows]


async def test_an_unknown_type_waits_and_is_counted(conn: Connection) -> None:
    """An event without a route is counted as unrouted, becomes nothing yet, and is not lost."""
    event = await emit(conn, "weather.changed", ["anna"])
    batch = await fan_out.step(conn, ROUTES)
    assert batch is not None
    assert (batch.unrouted, batch.relayed) == (1, {})
    assert await waiting(conn) == [(event, "weather.changed", "unrouted")]
    assert await deliveries(conn) == []
    assert not await fan_out.peek(conn, ROUTES)
    proof = await prove(conn, LONG_AGO)
    assert (proof.holds, proof.unrouted, proof.waiting, proof.discarded) == (True, 1, 1, 0)


async def test_an_unknown_type_is_fanned_out_when_the_catalog_has_it(conn: Connection) -> None:
    """What waited for its type comes after what went meanwhile, in its own order, and is accounted for."""
    await link(conn, ["anna"])
    early = [await emit(conn, "weather.changed", ["anna"]) for _ in range(3)]
    await relay_all(conn)
    meanwhile = await emit(conn, "order.paid", ["anna"])
    await relay_all(conn)
    learned = Routing({**ROUTES, "weather.changed": Route("weather.changed", "weather", BOTH)})

    assert await fan_out.peek(conn, learned)
    batch = await fan_out.step(conn, learned)
    assert batch is not None
    assert batch.relayed == {"weather.changed": 3}
    assert [event for event, _ in await inbox(conn, "anna")] == [meanwhile, *early]
    assert [event for event, *_ in await deliveries(conn)] == [meanwhile, *early]
    assert await waiting(conn) == []
    assert not await fan_out.peek(conn, learned)
    proof = await prove(conn, LONG_AGO)
    assert (proof.holds, proof.unrouted, proof.waiting) == (True, 0, 0)


async def test_what_was_unknown_and_is_for_later_waits_for_its_time(conn: Connection) -> None:
    """An event for later of a type that is learned before then is scheduled, and goes when its time has come."""
    later = await conn.fetchval("select now() + interval '1 hour'")
    event = await emit(conn, "weather.changed", ["anna"], deliver_at=later)
    await relay_all(conn)
    assert await waiting(conn) == [(event, "weather.changed", "unrouted")]
    learned = Routing({"weather.changed": Route("weather.changed", "weather", BOTH)})
    batch = await fan_out.step(conn, learned)
    assert batch is not None
    assert (batch.scheduled, batch.relayed) == (1, {})
    assert await waiting(conn) == [(event, "weather.changed", "scheduled")]
    assert not await fan_out.peek(conn, learned)
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")
    await fan_out.step(conn, learned)
    assert await inbox(conn, "anna") == [(event, 1)]


async def test_what_is_due_and_no_longer_known_waits_for_its_type(conn: Connection) -> None:
    """A scheduled event whose type has left the catalog meanwhile waits again; it is neither lost nor relayed."""
    later = await conn.fetchval("select now() + interval '1 hour'")
    event = await emit(conn, "order.hint", ["anna"], deliver_at=later)
    await relay_all(conn)
    await conn.execute("update outbox.event set deliver_at = now()")
    await conn.execute("update outbox.waiting set due_at = now()")
    without = Routing({name: route for name, route in ROUTES.items() if name != "order.hint"})
    batch = await fan_out.step(conn, without)
    assert batch is not None
    assert (batch.unrouted, batch.relayed) == (1, {})
    assert await waiting(conn) == [(event, "order.hint", "unrouted")]
    assert not await fan_out.peek(conn, without)
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(event, 1)]


async def test_types_that_are_learned_come_in_pieces(conn: Connection) -> None:
    """No more events than the limit are let go in one batch, in the order in which they were read."""
    ids = [await emit(conn, type_, ["anna"]) for type_ in ("a.b", "b.c", "a.b", "b.c", "a.b")]
    await relay_all(conn)
    learned = Routing({name: Route(name, "c", BOTH) for name in ("a.b", "b.c")})
    batches = [await fan_out.step(conn, learned, 2) for _ in range(3)]
    assert [sum(batch.relayed.values()) for batch in batches if batch] == [2, 2, 1]
    assert [event for event, _ in await inbox(conn, "anna")] == ids


async def test_an_event_for_ten_thousand(conn: Connection) -> None:
    """An event for 10,000 recipients reaches each of them on each channel."""
    everyone = [f"user-{number}" for number in range(10_000)]
    await link(conn, everyone[:6_000])
    await emit(conn, "order.paid", everyone)
    await relay_all(conn)
    proof = await prove(conn, LONG_AGO)
    assert proof.holds
    assert proof.states == {"inapp": {"sent": 10_000}, "telegram": {"pending": 6_000, "skipped": 4_000}}
    assert await conn.fetchval("select count(*) from outbox.inbox where unread = 1 and version = 1") == 10_000


async def test_a_batch_is_bounded_by_its_rows(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch takes as many events as its bound of recipients allows, and the rest in the next."""
    monkeypatch.setattr(fan_out, "PAIRS", 10)
    for _ in range(5):
        await emit(conn, "order.hint", ["anna", "boris", "clara", "dina"])
    assert [batch.notifications for batch in await relay_all(conn)] == [8, 8, 4]
    assert await counted(conn, "dina") == (5, 5)


async def test_one_event_is_never_split(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event with more recipients than a batch's bound is a batch of its own, and order holds."""
    monkeypatch.setattr(fan_out, "PAIRS", 2)
    first = await emit(conn, "order.hint", ["anna"])
    second = await emit(conn, "order.hint", ["anna", "boris", "clara"])
    third = await emit(conn, "order.hint", ["anna"])
    assert [batch.notifications for batch in await relay_all(conn)] == [1, 3, 1]
    assert await inbox(conn, "anna") == [(first, 1), (second, 2), (third, 3)]


async def test_a_batch_is_bounded_by_its_events(conn: Connection) -> None:
    """A batch holds no more events than were asked for and says that there are more."""
    for _ in range(3):
        await emit(conn, "order.hint", ["anna"])
    first = await fan_out.step(conn, ROUTES, 2)
    second = await fan_out.step(conn, ROUTES, 2)
    assert first is not None
    assert second is not None
    assert (first.relayed, first.more) == ({"order.hint": 2}, True)
    assert (second.relayed, second.more) == ({"order.hint": 1}, False)


async def test_only_one_relay_at_a_time(conn: Connection, database_url: str) -> None:
    """A relay that finds the cursor held by another does nothing and does not wait."""
    await emit(conn, "order.hint", ["anna"])
    other = await connect(database_url)
    async with other.transaction():
        assert await snapshot_cursor.lock(other) is not None
        assert await fan_out.step(conn, ROUTES) is None
    await other.close()
    assert len(await relay_all(conn)) == 1


async def test_a_types_time_to_live_ends_its_deliveries(conn: Connection) -> None:
    """A delivery of a type with ten minutes to live expires ten minutes after its event was emitted."""
    await link(conn, ["anna"])
    await emit(conn, "order.call", ["anna"])
    await relay_all(conn)
    life = await conn.fetchval(
        "select d.expires_at - e.created_at from outbox.delivery d join outbox.event e on e.id = d.event_id"
    )
    assert life == 10 * MINUTE


@pytest.mark.parametrize(
    ("type_", "given", "expected"),
    [("order.call", 3, 3), ("order.call", 30, 10), ("login.code", 30, 30), ("login.code", None, None)],
)
async def test_the_earlier_end_holds(conn: Connection, type_: str, given: int | None, expected: int | None) -> None:
    """Of the event's own expiry and its type's time to live (minutes) the earlier one ends the delivery."""
    await link(conn, ["anna"])
    start = await conn.fetchval("select now()")
    event = await emit(conn, type_, ["anna"], expires_at=None if given is None else start + given * MINUTE)
    await conn.execute("update outbox.event set created_at = $1 where id = $2", start, event)
    await relay_all(conn)
    expires_at = await conn.fetchval("select expires_at from outbox.delivery")
    assert expires_at == (None if expected is None else start + expected * MINUTE)


async def set_back(conn: Connection, low: str) -> None:
    """Put the cursor back to an older snapshot, as a restored row would."""
    await conn.execute(
        "update outbox.cursor set low = $1::text::pg_snapshot, high = $1::text::pg_snapshot, at_xid = '0', at_id = 0",
        low,
    )


async def test_no_event_is_fanned_out_twice(conn: Connection) -> None:
    """A cursor that is set back reads events again, but nothing is written or counted a second time."""
    await link(conn, ["anna"])
    low = await conn.fetchval("select low::text from outbox.cursor")
    event = await emit(conn, "order.paid", ["anna", "boris"])
    await relay_all(conn)
    await set_back(conn, low)
    new = await emit(conn, "order.paid", ["anna"])
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(event, 1), (new, 2)]
    assert await inbox(conn, "boris") == [(event, 1)]
    assert await counted(conn, "boris") == (1, 1)
    assert len(await deliveries(conn)) == 3
    assert (await prove(conn, LONG_AGO)).holds


async def test_a_scheduled_event_waits_for_its_time(conn: Connection) -> None:
    """An event with a `deliver_at` to come is fanned out when it has come, once."""
    later = await conn.fetchval("select now() + interval '1 hour'")
    event = await emit(conn, "order.hint", ["anna"], deliver_at=later)
    await relay_all(conn)
    assert await inbox(conn, "anna") == []
    assert (await prove(conn, LONG_AGO)).waiting == 1
    await conn.execute("update outbox.waiting set due_at = now() - interval '1 minute'")
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(event, 1)]
    assert await conn.fetchval("select count(*) from outbox.waiting") == 0


async def test_a_scheduled_event_read_again_waits_once(conn: Connection) -> None:
    """A cursor that is set back over a scheduled event leaves it scheduled once and goes on."""
    low = await conn.fetchval("select low::text from outbox.cursor")
    later = await conn.fetchval("select now() + interval '1 hour'")
    scheduled = await emit(conn, "order.hint", ["anna"], deliver_at=later)
    await relay_all(conn)
    await set_back(conn, low)
    event = await emit(conn, "order.hint", ["anna"])
    await relay_all(conn)
    assert await inbox(conn, "anna") == [(event, 1)]
    assert [row["event_id"] for row in await conn.fetch("select event_id from outbox.waiting")] == [scheduled]


async def test_scheduled_events_come_in_the_order_of_their_times(conn: Connection) -> None:
    """Scheduled events that have become due are fanned out earliest first, whatever their ids."""
    later = await conn.fetchval("select now() + interval '1 hour'")
    events = [await emit(conn, "order.hint", ["anna"], deliver_at=later) for _ in range(40)]
    await relay_all(conn)
    await conn.execute("update outbox.waiting set due_at = now() - make_interval(secs => event_id)")
    await relay_all(conn)
    assert [event for event, _ in await inbox(conn, "anna")] == events[::-1]


async def test_scheduled_events_are_bounded_by_rows_too(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scheduled events that become due together share the batch's bound of recipients."""
    monkeypatch.setattr(fan_out, "PAIRS", 10)
    later = await conn.fetchval("select now() + interval '1 hour'")
    for _ in range(5):
        await emit(conn, "order.hint", ["anna", "boris", "clara", "dina"], deliver_at=later)
    await relay_all(conn)
    await conn.execute("update outbox.waiting set due_at = now() where reason = 'scheduled'")
    written = [batch.notifications for batch in await relay_all(conn)]
    assert sum(written) == 20
    assert max(written) <= 10
