"""The log states each change of a delivery once, under its event's ids, and of what simply succeeded a sample."""

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from health import LogSample
from outbox.database.connection import Connection
from outbox.event_log import event
from outbox.person import recipient
from outbox.person.recipient import Profile
from outbox.relay import fan_out
from telegram.bot import keyboard
from tests.integration.api_stage import ApiStage
from tests.integration.bot_stage import BORIS, BotStage
from tests.integration.inboxes import ROUTES
from tests.integration.stage import Stage, payload
from tests.integration.test_deliver import run
from workers.pacing.backpressure import Backpressure
from workers.slices.relay import relay_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

TYPE = "application.accepted"
"""A type of the sample catalog."""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAY = "select set_config('outbox.traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true)"

IN_HALF = ["r-2", "r-3", "r-6", "r-7", "r-10", "r-11"]
"""Requests r-0 to r-11 whose CRC-32 is below half of 2^32."""

Lines = Sequence[MutableMapping[str, Any]]


def told(lines: Lines, fact: str) -> Lines:
    """Give the lines that state one fact."""
    return [line for line in lines if line["event"] == fact]


async def deliver(stage: Stage, parts: WorkerParts, *people: str) -> list[int]:
    """Emit an event to each, in a trace and under a request, then relay and deliver."""
    ids = []
    for number, person in enumerate(people):
        async with stage.conn.transaction():
            await stage.conn.execute(SAY)
            ids.append(await event.emit(stage.conn, TYPE, [person], payload(number), request_id=f"r-{number}"))
    await relay_slice(parts, Slice(parts, once=True))
    await run(parts)
    return ids


def refused(code: int, description: str) -> dict[str, object]:
    """Order that Telegram refuses every message."""
    return {"kind": "error", "method": "sendMessage", "code": code, "description": description, "times": 9}


@pytest.mark.parametrize(
    ("fault", "fact", "level", "said"),
    [
        (None, "delivery_sent", "info", {"outcome": "delivered"}),
        (refused(400, "Bad Request: x"), "delivery_died", "error", {"outcome": "reject", "reason": "bad_request"}),
        (refused(500, "x"), "delivery_postponed", "warning", {"outcome": "snooze", "reason": "unavailable"}),
    ],
    ids=["sent", "dead", "postponed"],
)
async def test_an_attempt_that_ends_is_one_line(
    stage: Stage, parts: WorkerParts, *, fault: dict[str, object] | None, fact: str, level: str, said: dict[str, object]
) -> None:
    """One line says what became of a delivery, with the ids of its request, trace, event and delivery."""
    await stage.people({"anna": 1})
    if fault is not None:
        await stage.order("POST", "faults", fault)
    with capture_logs() as lines:
        (event_id,) = await deliver(stage, parts, "anna")
    (line,) = [one for one in lines if one["event"].startswith("delivery_")]
    delivery_id = await stage.conn.fetchval("select id from outbox.delivery where channel = 'telegram'")
    known = {"request_id": "r-0", "trace_id": TRACE, "event_id": event_id, "delivery_id": delivery_id, "attempt": 1}
    assert {name: line.get(name) for name in known} == known
    assert (line["event"], line["log_level"]) == (fact, level)
    assert {name: line.get(name) for name in said} == said


async def test_a_batch_of_the_relay_is_one_line(stage: Stage, parts: WorkerParts) -> None:
    """Relaying two events is one line that counts what it made, and what was born skipped."""
    await stage.people({"anna": 1})
    with capture_logs() as lines:
        await deliver(stage, parts, "anna", "nobody")
        (last,) = await deliver(stage, parts, "anna")
    first, second = told(lines, "events_relayed")
    counts = ("count", "notifications", "deliveries", "skipped")
    assert [first.get(name) for name in (*counts, "event_id", "sample")] == [2, 2, 2, 1, None, None]
    assert [second.get(name) for name in (*counts, "event_id", "sample")] == [1, 1, 1, 0, last, None]


async def test_a_blocked_chat_is_told_with_what_it_changes(stage: Stage, parts: WorkerParts) -> None:
    """A link that is closed is a line, and what waited behind it is counted by reason."""
    await stage.people({"anna": 1})
    await stage.order("POST", "faults", refused(403, "Forbidden: bot was blocked by the user"))
    with capture_logs() as lines:
        await deliver(stage, parts, "anna", "anna")
    assert [(line["state"], line["count"]) for line in told(lines, "links_closed")] == [("blocked", 1)]
    assert [(line["reason"], line["count"]) for line in told(lines, "deliveries_skipped")] == [("blocked", 1)]


async def test_success_is_sampled_by_request(stage: Stage, parts: WorkerParts) -> None:
    """With a share the requests that are in it have their lines, which say the share; the others have none."""
    parts.sample = LogSample(0.5)
    await stage.people({f"u{number}": 100 + number for number in range(12)})
    with capture_logs() as lines:
        await deliver(stage, parts, *(f"u{number}" for number in range(12)))
    sent = told(lines, "delivery_sent")
    assert sorted(line["request_id"] for line in sent) == sorted(IN_HALF)
    assert {line["sample"] for line in sent} == {0.5}


async def test_no_fault_is_sampled(stage: Stage, parts: WorkerParts) -> None:
    """Also with a share of nothing each delivery that dies has its line, without a mark."""
    parts.sample = LogSample(0)
    await stage.people({"anna": 1, "boris": 2})
    await stage.order("POST", "faults", refused(400, "Bad Request: x"))
    with capture_logs() as lines:
        await deliver(stage, parts, "anna", "boris")
    assert [line.get("sample") for line in told(lines, "delivery_died")] == [None, None]
    assert told(lines, "events_relayed") == []


async def test_an_attempt_whose_lease_is_lost_is_told_as_that(
    stage: Stage, parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent and came too late to be recorded is no `delivery_sent`, but a lost lease under the same ids."""
    heed: Callable[..., Any] = Backpressure.heed

    async def robbed(*given: Any, **more: Any) -> Any:
        await stage.conn.execute("update outbox.run set id = default where lease_until is not null")
        return await heed(*given, **more)

    monkeypatch.setattr(Backpressure, "heed", robbed)
    await stage.people({"anna": 1})
    with capture_logs() as lines:
        (event_id,) = await deliver(stage, parts, "anna")
    (line,) = told(lines, "lease_lost")
    assert (line["event_id"], line["request_id"], line["attempt"]) == (event_id, "r-0", 1)
    delivery_id = await stage.conn.fetchval("select id from outbox.delivery where channel = 'telegram'")
    assert (line.get("trace_id"), line.get("delivery_id")) == (TRACE, delivery_id)
    assert told(lines, "delivery_sent") == []


async def test_a_link_that_another_one_displaces_is_told(stage: Stage, parts: WorkerParts) -> None:
    """Where a group moves to a chat that somebody else has linked, both links are told."""
    await stage.people({"anna": 1, "boris": 2})
    moved = {"kind": "error", "method": "sendMessage", "code": 400, "description": "Bad Request: x", "chat_id": 1}
    await stage.order("POST", "faults", {**moved, "times": 1, "migrate_to_chat_id": 2})
    with capture_logs() as lines:
        await deliver(stage, parts, "anna")
    counted = [(line["event"], line["count"]) for line in lines if line["event"].startswith("links_")]
    assert counted == [("links_migrated", 1), ("links_displaced", 1)]


async def test_a_closed_chat_that_takes_a_message_is_told(
    stage: Stage, parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chat that was closed while a message was on its way, and has taken it, is open again."""
    heed: Callable[..., Any] = Backpressure.heed

    async def closed(*given: Any, **more: Any) -> Any:
        await stage.conn.execute("update outbox.telegram_link set state = 'blocked', state_at = now()")
        return await heed(*given, **more)

    monkeypatch.setattr(Backpressure, "heed", closed)
    await stage.people({"anna": 1})
    await stage.conn.execute("update outbox.telegram_link set fault = 'forbidden', fault_since = now()")
    with capture_logs() as lines:
        await deliver(stage, parts, "anna")
    assert [line["count"] for line in told(lines, "links_opened")] == [1]


async def test_an_update_of_the_bot_has_an_id_too(bot: BotStage) -> None:
    """What a person's message to the bot leads to is told under the number of its update."""
    update = {
        "update_id": 77,
        "message": {
            "message_id": 1,
            "date": 1_900_000_000,
            "chat": {"id": BORIS, "type": "private", "first_name": "B"},
            "from": {"id": BORIS, "is_bot": False, "first_name": "B", "language_code": "en"},
            "text": f"/start {await bot.token('boris')}",
        },
    }
    with capture_logs(processors=[merge_contextvars]) as lines:
        await bot.desk.reception.take(update)
    assert [line["request_id"] for line in told(lines, "chat_linked")] == ["update-77"]


def said(lines: Lines) -> list[tuple[object, ...]]:
    """Give what was told of people, with reason and count; the checks of the process are no news of theirs."""
    known = [line for line in lines if line["log_level"] == "info" and line["event"] != "check_changed"]
    return [(line["event"], line.get("reason"), line.get("count"), line.get("request_id")) for line in known]


async def waiting(stage: Stage, person: str) -> None:
    """Let a message wait for a person who has a chat."""
    await event.emit(stage.conn, TYPE, [person], payload(1))
    await fan_out.step(stage.conn, ROUTES)


def update(**what: object) -> dict[str, object]:
    """Make an update about Boris' chat."""
    return {"update_id": 78, **what}


CHAT = {"id": BORIS, "type": "private", "first_name": "B"}
PERSON = {"id": BORIS, "is_bot": False, "first_name": "B", "language_code": "en"}


def tapped(data: str, number: int = 78) -> dict[str, object]:
    """Make the update of a tap."""
    shown = {"message_id": 1, "date": 1_900_000_000, "chat": CHAT, "text": "x"}
    query = {"id": "1", "from": PERSON, "chat_instance": "1", "data": data, "message": shown}
    return {**update(callback_query=query), "update_id": number}


def blocked() -> dict[str, object]:
    """Make the update that tells that the bot was blocked."""
    user = {"id": 1, "is_bot": True, "first_name": "V"}
    old, new = {"status": "member", "user": user}, {"status": "kicked", "user": user, "until_date": 0}
    given = {"chat": CHAT, "from": PERSON, "date": 1_900_000_000, "old_chat_member": old, "new_chat_member": new}
    return update(my_chat_member=given)


@pytest.mark.parametrize(
    ("given", "done", "reason"),
    [
        (tapped(f"{keyboard.OFF}jobs"), ("category_switched", "off"), "muted"),
        (tapped(f"{keyboard.MUTE}jobs"), ("category_switched", "off"), "muted"),
        (tapped(f"{keyboard.STOP}{keyboard.YES}"), ("chat_unlinked", "stop"), "no_link"),
        (blocked(), ("chat_closed", "blocked"), "blocked"),
    ],
    ids=["settings", "button of a message", "stop", "blocked"],
)
async def test_what_a_person_does_in_the_chat_is_told_with_what_it_skips(
    bot: BotStage, given: dict[str, object], done: tuple[str, str], reason: str
) -> None:
    """A choice of the person's, and how many messages it has ended, are a line each, under the update's number."""
    await bot.stage.people({"boris": BORIS})
    await waiting(bot.stage, "boris")
    with capture_logs(processors=[merge_contextvars]) as lines:
        await bot.desk.reception.take(given)
    assert said(lines) == [(*done, None, "update-78"), ("deliveries_skipped", reason, 1, "update-78")]


async def test_a_chat_that_is_taken_over_is_told_with_what_it_skips(bot: BotStage) -> None:
    """Whoever links another's chat ends that link and what waited for it; both are told."""
    await bot.stage.people({"anna": BORIS})
    await waiting(bot.stage, "anna")
    text = f"/start {await bot.token('boris')}"
    message = {"message_id": 1, "date": 1_900_000_000, "chat": CHAT, "from": PERSON, "text": text}
    entities = [{"type": "bot_command", "offset": 0, "length": 6}]
    with capture_logs(processors=[merge_contextvars]) as lines:
        await bot.desk.reception.take(update(message={**message, "entities": entities}))
    assert said(lines) == [
        ("chat_linked", None, None, "update-78"),
        ("chat_displaced", None, None, "update-78"),
        ("deliveries_skipped", "no_link", 1, "update-78"),
    ]


@pytest.mark.parametrize("data", [f"{keyboard.QUIET}hold", f"{keyboard.ZONE}3", f"{keyboard.LANGUAGE}en"])
async def test_what_a_person_chooses_in_the_chat_is_told(bot: BotStage, data: str) -> None:
    """Quiet hours, time zone and language are a line each, as over HTTP; the same again is none."""
    await bot.stage.people({"boris": BORIS})
    with capture_logs(processors=[merge_contextvars]) as lines:
        for number in (78, 79):
            await bot.desk.reception.take(tapped(data, number))
    assert said(lines) == [("preferences_changed", None, None, "update-78")]


@pytest.mark.parametrize("button", [keyboard.OFF, keyboard.MUTE])
async def test_a_category_that_is_off_is_not_switched_off_again(bot: BotStage, button: str) -> None:
    """A button of an old message, tapped once more, changes nothing, and nothing is told."""
    await bot.stage.people({"boris": BORIS})
    with capture_logs(processors=[merge_contextvars]) as lines:
        for number in (78, 79):
            await bot.desk.reception.take(tapped(f"{button}jobs", number))
    assert said(lines) == [("category_switched", "off", None, "update-78")]


async def test_what_a_choice_over_http_skips_is_told(api: ApiStage, conn: Connection) -> None:
    """Switching off a category, and unlinking, have a line of what waited and will not come any more."""
    await recipient.save(conn, [Profile("anna", chat_id=1), Profile("boris", chat_id=2)])
    await event.emit(conn, TYPE, ["anna", "boris"], payload(1))
    await fan_out.step(conn, ROUTES)
    off = {"categories": [{"category": "jobs", "channels": {"telegram": False}}]}
    with capture_logs(processors=[merge_contextvars]) as lines:
        await api.put("/api/preferences", "anna", json=off, headers={"x-request-id": "r-1"})
        await api.delete("/api/telegram/link", "boris", headers={"x-request-id": "r-1"})
    assert said(lines) == [
        ("preferences_changed", None, None, "r-1"),
        ("deliveries_skipped", "muted", 1, "r-1"),
        ("chat_unlinked", None, None, "r-1"),
        ("deliveries_skipped", "no_link", 1, "r-1"),
    ]


async def test_what_an_end_user_changes_is_told(api: ApiStage, conn: Connection) -> None:
    """Reading, choosing and emitting are a line each under the request's id and trace; doing nothing is none."""
    given = {"x-request-id": "r-1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    await conn.execute("insert into outbox.inbox (recipient, unread, version) values ('anna', 1, 1)")
    await conn.execute("insert into outbox.event (type, recipients) values ('t', '{anna}')")
    await conn.execute(
        "insert into outbox.notification (event_id, recipient, type, category, version)"
        " select id, 'anna', 't', 'c', 1 from outbox.event"
    )
    with capture_logs(processors=[merge_contextvars]) as lines:
        for _ in range(2):
            await api.post("/api/notifications/read-all", "anna", headers=given)
        for _ in range(2):
            await api.put("/api/preferences", "anna", json={"quietHours": {"mode": "silent"}}, headers=given)
        await api.delete("/api/telegram/link", "anna", headers=given)
        for key in ({}, {"dedupeKey": "k"}, {"dedupeKey": "k"}):
            one = {"type": "t", "recipients": ["a"], **key}
            await api.application("POST", "/api/outbox/events", json=one, headers=given)
    facts = [line for line in lines if line["log_level"] == "info"]
    assert [(line["event"], line.get("count")) for line in facts] == [
        ("notifications_read", 1),
        ("preferences_changed", None),
        ("events_emitted", 1),
        ("events_emitted", 1),
    ]
    assert {(line["request_id"], line["trace_id"]) for line in facts} == {("r-1", TRACE)}
