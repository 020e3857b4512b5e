"""The trace tells everything about one event, delivery or request, in the order in which it happened."""

from datetime import UTC, datetime, timedelta

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered, Reason, Retry, Unknown
from outbox.delivery.state import State
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.operator import operator_action
from outbox.operator.operator_action import Action
from outbox.operator.stuck import Filter
from outbox.proof.event_trace import Step, trace
from outbox.recording import record
from outbox.recording.record import Finish
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing

ROUTES = Routing(
    {
        "both": Route("both", "c", frozenset(Channel)),
        "inbox": Route("inbox", "c", frozenset({Channel.INAPP})),
        "telegram": Route("telegram", "c", frozenset({Channel.TELEGRAM})),
    }
)


def told(steps: list[Step]) -> list[tuple[str | None, ...]]:
    """Leave times and ids out of a trace."""
    return [(step.what, step.channel, step.recipient, step.state, step.reason) for step in steps]


async def follow(conn: Connection, wanted: object) -> list[Step]:
    """Trace, and hold the trace to the order of time."""
    steps = list(await trace(conn, str(wanted)))
    assert steps == sorted(steps, key=lambda step: step.at)
    return steps


async def link(conn: Connection) -> None:
    """Give ann a chat."""
    await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ('ann', 7)")


UNKNOWN, HELD = Unknown(Reason.LOST_ANSWER), Decision(State.UNKNOWN, 1, Reason.LOST_ANSWER)


async def act(conn: Connection, action: Action) -> None:
    """Let olga do something about all that is stuck."""
    await operator_action.carry_out(conn, await operator_action.plan(conn, action, Filter()), "olga")


async def attempt(conn: Connection, outcome: Delivered | Retry | Unknown, decision: Decision) -> None:
    """Claim what is due and record how it ended."""
    claimed = await lane_claim.claim(conn, Channel.TELEGRAM, 10)
    await record.record(conn, [Finish(one, outcome, decision, seconds=0.25) for one in claimed])


async def test_tells_the_whole_way_of_an_event(conn: Connection) -> None:
    """An event is emitted, relayed, notified and queued, tried in vain, tried again and settled, in this order."""
    await link(conn)
    event_id = await event.emit(conn, "both", ["ann"])
    await fan_out.step(conn, ROUTES)
    await attempt(conn, Retry(Reason.UNAVAILABLE), Decision(State.PENDING, 1, Reason.UNAVAILABLE))
    await attempt(conn, Delivered(99), Decision(State.SENT, 2))

    steps = await follow(conn, event_id)
    assert told(steps) == [
        ("emitted", None, None, None, None),
        ("relayed", "inapp+telegram", None, None, None),
        ("notified", "inapp", "ann", "unread", None),
        ("queued", "telegram", "ann", None, None),
        ("attempted", "telegram", "ann", "retry", "unavailable"),
        ("attempted", "telegram", "ann", "delivered", None),
        ("settled", "telegram", "ann", "sent", None),
    ]
    assert {step.event_id for step in steps} == {event_id}
    assert [step.seconds for step in steps if step.what == "attempted"] == [0.25, 0.25]


async def test_tells_of_an_attempt_that_simply_succeeded(conn: Connection) -> None:
    """A delivery that was sent at once has one attempt, answered, and how long it took."""
    await link(conn)
    event_id = await event.emit(conn, "telegram", ["ann"])
    await fan_out.step(conn, ROUTES)
    await attempt(conn, Delivered(99), Decision(State.SENT, 1))
    await conn.execute("update outbox.delivery set seconds = 0.25")
    assert await conn.fetchval("select count(*) from outbox.attempt") == 0

    attempted, settled = (await follow(conn, event_id))[-2:]
    assert told([attempted, settled]) == [
        ("attempted", "telegram", "ann", "delivered", None),
        ("settled", "telegram", "ann", "sent", None),
    ]
    assert (attempted.phase, attempted.seconds, attempted.resent) == ("answered", 0.25, False)
    assert attempted.at == settled.at


async def test_a_delivery_has_one_successful_attempt(conn: Connection) -> None:
    """An attempt that succeeded and has a row of its own is told once."""
    await link(conn)
    event_id = await event.emit(conn, "telegram", ["ann"])
    await fan_out.step(conn, ROUTES)
    await attempt(conn, Delivered(99), Decision(State.SENT, 1))
    await conn.execute("update outbox.delivery set seconds = 0.25")
    await conn.execute(
        "insert into outbox.attempt (delivery_id, token, outcome) select id, 1, 'delivered' from outbox.delivery"
    )

    assert [step.what for step in await follow(conn, event_id)].count("attempted") == 1


async def test_nothing_is_told_of_an_attempt_that_nobody_made(conn: Connection) -> None:
    """A delivery that an operator has confirmed was sent, but no attempt is known that succeeded."""
    await link(conn)
    event_id = await event.emit(conn, "telegram", ["ann"])
    await fan_out.step(conn, ROUTES)
    await attempt(conn, UNKNOWN, HELD)
    await act(conn, Action.CONFIRM)

    assert told(await follow(conn, event_id))[-3:] == [
        ("attempted", "telegram", "ann", "unknown", "lost_answer"),
        ("ordered", "telegram", "ann", "confirm", None),
        ("settled", "telegram", "ann", "sent", None),
    ]


async def test_tells_what_operators_did_between_attempts(conn: Connection) -> None:
    """An attempt tells how far it got and whether it was sent again, an order who gave it, in the order of time."""
    await link(conn)
    event_id = await event.emit(conn, "telegram", ["ann"])
    await fan_out.step(conn, ROUTES)
    await attempt(conn, UNKNOWN, HELD)
    await conn.execute("update outbox.attempt set phase = 'sent'")
    await act(conn, Action.RESEND)
    await attempt(conn, Retry(Reason.UNAVAILABLE), Decision(State.DEAD, 2, Reason.UNAVAILABLE))
    await act(conn, Action.DISCARD)

    steps = (await follow(conn, event_id))[3:]
    assert [(step.what, step.state, step.phase, step.resent, step.operator) for step in steps] == [
        ("attempted", "unknown", "sent", True, None),
        ("ordered", "resend", None, False, "olga"),
        ("attempted", "retry", None, False, None),
        ("ordered", "discard", None, False, "olga"),
        ("settled", "skipped", None, False, None),
    ]


async def test_tells_where_a_waiting_delivery_stands(conn: Connection) -> None:
    """A delivery that is not settled stands where it stands, last of all."""
    await link(conn)
    event_id = await event.emit(conn, "telegram", ["ann"])
    await fan_out.step(conn, ROUTES)

    assert told(await follow(conn, event_id)) == [
        ("emitted", None, None, None, None),
        ("relayed", "telegram", None, None, None),
        ("queued", "telegram", "ann", None, None),
        ("stands", "telegram", "ann", "pending", None),
    ]


async def test_tells_why_a_delivery_was_skipped(conn: Connection) -> None:
    """A delivery that was born skipped is queued and then settled with its reason."""
    event_id = await event.emit(conn, "telegram", ["ann", "bob", "eve"])
    await fan_out.step(conn, ROUTES)

    steps = [step for step in await follow(conn, event_id) if step.recipient is not None]
    for person in ("ann", "bob", "eve"):
        assert told([step for step in steps if step.recipient == person]) == [
            ("queued", "telegram", person, None, None),
            ("settled", "telegram", person, "skipped", "no_link"),
        ]


async def test_tells_what_was_read(conn: Connection) -> None:
    """A notification that was read says so."""
    event_id = await event.emit(conn, "inbox", ["ann"])
    await fan_out.step(conn, ROUTES)
    await conn.execute("update outbox.notification set read_at = now()")

    assert told(await follow(conn, event_id))[-1] == ("notified", "inapp", "ann", "read", None)


async def test_tells_that_nobody_knew_the_type(conn: Connection) -> None:
    """An event of an unknown type waits for it, as unrouted."""
    event_id = await event.emit(conn, "unknown", ["ann"])
    await fan_out.step(conn, ROUTES)

    assert told(await follow(conn, event_id)) == [
        ("emitted", None, None, None, None),
        ("unrouted", None, None, None, None),
    ]


async def test_tells_until_when_an_event_waits(conn: Connection) -> None:
    """An event for later is scheduled for its time."""
    later = datetime.now(UTC) + timedelta(days=1)
    event_id = await event.emit(conn, "inbox", ["ann"], deliver_at=later)
    await fan_out.step(conn, ROUTES)

    steps = await follow(conn, event_id)
    assert [step.what for step in steps] == ["emitted", "scheduled"]
    assert steps[1].at == later


async def test_finds_the_event_of_a_delivery(conn: Connection) -> None:
    """A delivery's id leads to all of its event."""
    await link(conn)
    for _ in range(3):
        await event.emit(conn, "inbox", ["bob"])
    event_id = await event.emit(conn, "telegram", ["ann"])
    await conn.execute("alter table outbox.delivery alter column id restart with 1000")
    await fan_out.step(conn, ROUTES)

    steps = await follow(conn, 1000)
    assert {step.event_id for step in steps} == {event_id}
    assert [step.delivery_id for step in steps] == [None, None, 1000, 1000]


async def test_finds_all_events_of_a_request(conn: Connection) -> None:
    """A request id leads to every event that the request emitted, and to no other."""
    first = await event.emit(conn, "inbox", ["ann"], request_id="req-1")
    await event.emit(conn, "inbox", ["ann"], request_id="req-2")
    second = await event.emit(conn, "inbox", ["bob"], request_id="req-1")
    await fan_out.step(conn, ROUTES)

    steps = await follow(conn, "req-1")
    assert [step.event_id for step in steps if step.what == "emitted"] == [first, second]
    assert {step.event_id for step in steps} == {first, second}


async def test_a_request_id_may_be_a_number(conn: Connection) -> None:
    """A number is looked for as request id too, however long it is."""
    long = "9" * 30
    event_id = await event.emit(conn, "inbox", ["ann"], request_id=long)

    assert [step.event_id for step in await follow(conn, long)] == [event_id]


async def test_what_is_unknown_has_no_trace(conn: Connection) -> None:
    """An id that nothing has leads to nothing."""
    await event.emit(conn, "inbox", ["ann"])

    assert await follow(conn, "4711") == []
    assert await follow(conn, "no such request") == []
