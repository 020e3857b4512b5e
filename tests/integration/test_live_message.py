"""Live messages on real parts: what is edited, and when a new message is sent instead."""

from datetime import timedelta

import pytest

from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Retry
from outbox.event_log.event import emit
from outbox.lane import lane_claim
from outbox.recording import live_message, record
from outbox.recording.live_message import LiveMessage
from tests.integration.gathering import ALONE, SECRET, STATUS, relay_all, rows, shown, with_catalog
from tests.integration.stage import Stage
from tests.integration.test_deliver import run
from workers.delivery.attempt import attempt
from workers.delivery.expired_lease import settle
from workers.slices.maintain import maintain_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

GONE = "Bad Request: message to edit not found"


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    """Give the stage a catalog whose messages are gathered, and two people."""
    made = with_catalog(stage)
    await made.people({"anna": 1, "boris": 2})
    return made


async def say(
    stage: Stage, parts: WorkerParts, number: int, *, type_: str = STATUS, key: str = "17", who: str = "anna"
) -> None:
    """Emit one event and deliver what is due."""
    await emit(stage.conn, type_, [who], {"number": number, "key": key})
    await relay_all(stage, parts)
    await run(parts)
    parts.out_of_reach.clear()


async def refuse(stage: Stage, code: int, description: str, *, times: int = 1, retry_after: int | None = None) -> None:
    """Let Telegram refuse an edit."""
    fault = {"kind": "error", "method": "editMessageText", "code": code, "description": description, "times": times}
    await stage.order("POST", "faults", fault | {"retry_after": retry_after})


async def hurry(stage: Stage) -> None:
    """Make due what waits for its next try."""
    await stage.conn.execute("update outbox.delivery set due_at = now() where state = 'pending'")
    await stage.conn.execute("update outbox.lane set due_at = now() where due_at is not null")


async def kept(stage: Stage) -> list[tuple[str, int, int]]:
    """Give what is remembered: key, chat and message."""
    found = await stage.conn.fetch("select key, chat_id, message_id from outbox.live_message order by lane_id, key")
    return [tuple(row) for row in found]


async def methods(stage: Stage) -> list[str]:
    """Name the calls of the Bot API, in order."""
    return [call["method"] for call in await stage.order("GET", "calls?after=0")]


async def test_a_later_event_edits_the_earlier_message(stage: Stage, parts: WorkerParts) -> None:
    """The chat shows one message with the latest text; each event is sent, as that message."""
    for number in (1, 2, 3):
        await say(stage, parts, number)
    assert await shown(stage, 1) == ["Status 3"]
    [message] = await stage.order("GET", "chats/1/messages")
    assert message["edited"]
    assert await rows(stage) == [("sent", None, 1, 1)] * 3
    assert await methods(stage) == ["sendMessage", "editMessageText", "editMessageText"]
    assert await kept(stage) == [("open:job/17", 1, 1)]


async def test_other_keys_and_other_people_have_their_own(stage: Stage, parts: WorkerParts) -> None:
    """A key is one person's, and an event without a key has a message of its own."""
    await say(stage, parts, 1)
    await say(stage, parts, 2, key="18")
    await say(stage, parts, 3, who="boris")
    await say(stage, parts, 4, type_=ALONE)
    await say(stage, parts, 5, key="18")
    await say(stage, parts, 6, who="boris")
    assert await shown(stage, 1) == ["Status 1", "Status 5", "Alone 4"]
    assert await shown(stage, 2) == ["Status 6"]


async def test_after_its_time_a_new_message_is_sent(stage: Stage, parts: WorkerParts) -> None:
    """The time counts from when the message was sent, whatever edited it since; the new one begins anew."""
    age = "update outbox.live_message set sent_at = sent_at - interval '31 minutes'"
    await say(stage, parts, 1)
    await stage.conn.execute(age)
    await say(stage, parts, 2)
    await stage.conn.execute(age)
    await say(stage, parts, 3)
    assert await shown(stage, 1) == ["Status 2", "Status 3"]
    await stage.conn.execute(age)
    await say(stage, parts, 4)
    assert await shown(stage, 1) == ["Status 2", "Status 4"]


@pytest.mark.parametrize(
    "description", [GONE, "Bad Request: message can't be edited", "Bad Request: MESSAGE_ID_INVALID"]
)
async def test_where_the_edit_is_refused_a_new_message_is_sent(
    stage: Stage, parts: WorkerParts, description: str
) -> None:
    """At once and in the same attempt; later events edit the new one."""
    await say(stage, parts, 1)
    await refuse(stage, 400, description)
    await say(stage, parts, 2)
    assert await shown(stage, 1) == ["Status 1", "Status 2"]
    assert await rows(stage) == [("sent", None, 1, 1), ("sent", None, 1, 2)]
    await say(stage, parts, 3)
    assert await shown(stage, 1) == ["Status 1", "Status 3"]
    degraded = parts.metrics.registry.get_sample_value(
        "vestnik_messages_degraded_total", {"type": STATUS, "part": "topic"}
    )
    assert degraded is None


async def test_the_new_message_is_repaired_like_any_other(stage: Stage, parts: WorkerParts) -> None:
    """An edit that is refused and a new message whose markup is refused still come to a message."""
    await say(stage, parts, 1)
    await refuse(stage, 400, GONE)
    parse = {"code": 400, "description": "Bad Request: can't parse entities: x", "times": 1}
    await stage.order("POST", "faults", {"kind": "error", "method": "sendMessage", **parse})
    await say(stage, parts, 2)
    assert await shown(stage, 1) == ["Status 1", "Status 2"]
    assert await rows(stage) == [("sent", None, 1, 1), ("sent", "markup", 1, 2)]


async def test_an_edit_is_repaired_before_it_is_given_up(stage: Stage, parts: WorkerParts) -> None:
    """Markup that Telegram cannot parse costs an edit its markup."""
    await say(stage, parts, 1)
    await refuse(stage, 400, "Bad Request: can't parse entities: x")
    await say(stage, parts, 2)
    assert await shown(stage, 1) == ["Status 2"]
    assert (await rows(stage))[1] == ("sent", "markup", 1, 1)


async def test_an_event_that_changes_nothing_is_sent(stage: Stage, parts: WorkerParts) -> None:
    """Telegram refuses an edit to the same text, and the chat shows just that."""
    await say(stage, parts, 1)
    await say(stage, parts, 1)
    assert await shown(stage, 1) == ["Status 1"]
    assert await rows(stage) == [("sent", None, 1, 1)] * 2


async def test_another_chat_gets_a_message_of_its_own(stage: Stage, parts: WorkerParts) -> None:
    """A message number of the old chat says nothing in the new one."""
    await say(stage, parts, 1)
    await stage.people({"anna": 3})
    await say(stage, parts, 2)
    assert (await shown(stage, 1), await shown(stage, 3)) == (["Status 1"], ["Status 2"])
    assert await kept(stage) == [("open:job/17", 3, 1)]
    assert await methods(stage) == ["sendMessage"] * 2


async def test_a_group_that_has_moved_gets_a_new_message(stage: Stage, parts: WorkerParts) -> None:
    """In the new group the old message's number may be another message's."""
    await stage.people({"anna": -7})
    await say(stage, parts, 1)
    await stage.order("PUT", "chats/-1007", {"state": "started", "type": "supergroup"})
    await stage.order("PUT", "chats/-7", {"state": "started", "type": "group", "migrate_to": -1007})
    await say(stage, parts, 2)
    assert await shown(stage, -1007) == ["Status 2"]
    [message] = await stage.order("GET", "chats/-1007/messages")
    assert await kept(stage) == [("open:job/17", -1007, message["message_id"])]
    assert (await methods(stage))[1:] == ["editMessageText", "sendMessage"]


async def test_a_lost_answer_to_an_edit_is_tried_again(stage: Stage, parts: WorkerParts) -> None:
    """An edit twice does no harm: nothing is unknown, held or counted as a possible duplicate."""
    await say(stage, parts, 1, type_=SECRET)
    await stage.order("POST", "faults", {"kind": "close_after_delivery", "method": "editMessageText", "times": 1})
    await say(stage, parts, 2, type_=SECRET)
    assert (await rows(stage))[1] == ("pending", "lost_answer", 0, None)
    await hurry(stage)
    await run(parts)
    assert await shown(stage, 1) == ["Secret 2"]
    assert await rows(stage) == [("sent", None, 1, 1)] * 2
    assert await stage.conn.fetchval("select count(*) from outbox.attempt where resent") == 0
    assert parts.metrics.registry.get_sample_value("vestnik_possible_duplicates_total", {"channel": "telegram"}) in (
        None,
        0,
    )


async def test_an_edit_that_never_gets_an_answer_costs_attempts(stage: Stage, parts: WorkerParts) -> None:
    """While others get through it is the message's own fault: it cannot go on for ever."""
    await say(stage, parts, 1)
    await stage.order("POST", "faults", {"kind": "close_before", "method": "editMessageText", "times": 2})
    await say(stage, parts, 2)
    await say(stage, parts, 3, who="boris")
    await hurry(stage)
    await run(parts)
    assert (await rows(stage))[1] == ("pending", "lost_answer", 1, None)


async def test_a_worker_that_dies_over_an_edit_leaves_an_unknown(stage: Stage, parts: WorkerParts) -> None:
    """Whoever settles its lease cannot know that it was an edit."""
    await say(stage, parts, 1, type_=SECRET)
    await emit(stage.conn, SECRET, ["anna"], {"number": 2, "key": "17"})
    await relay_all(stage, parts)
    assert len(await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1, lease=timedelta(0))) == 1
    assert await settle(parts, stage.conn) == 1
    assert (await rows(stage))[1] == ("unknown", "worker_lost", 1, None)


@pytest.mark.parametrize(
    ("code", "description", "retry_after", "expected"),
    [
        (429, "Too Many Requests: retry after 9", 9, ("pending", "flood", 0, None)),
        (500, "Internal Server Error", None, ("pending", "unavailable", 0, None)),
        (403, "Forbidden: bot was blocked by the user", None, ("dead", "blocked", 1, None)),
        (400, "Bad Request: something new", None, ("dead", "bad_request", 1, None)),
    ],
)
async def test_any_other_refusal_means_what_it_means_for_a_message(
    stage: Stage,
    parts: WorkerParts,
    *,
    code: int,
    description: str,
    retry_after: int | None,
    expected: tuple[object, ...],
) -> None:
    """An edit waits, is tried again or dies as a message would."""
    await say(stage, parts, 1)
    await refuse(stage, code, description, retry_after=retry_after)
    await say(stage, parts, 2)
    assert (await rows(stage))[1] == expected
    assert await shown(stage, 1) == ["Status 1"]


async def test_a_secret_never_takes_the_place_of_what_may_be_forwarded(stage: Stage, parts: WorkerParts) -> None:
    """An edit cannot protect a message: one key, but two messages; the urgent one is edited as well."""
    await say(stage, parts, 1)
    await say(stage, parts, 2, type_=SECRET)
    await say(stage, parts, 3, type_=SECRET)
    assert await shown(stage, 1) == ["Status 1", "Secret 3"]
    assert await kept(stage) == [("open:job/17", 1, 1), ("protected:job/17", 1, 2)]


async def test_a_key_that_is_too_long_is_none(stage: Stage, parts: WorkerParts) -> None:
    """Cut it could be another's: each event has its own message."""
    for number in (1, 2):
        await say(stage, parts, number, key="x" * 197)
    assert await shown(stage, 1) == ["Status 1", "Status 2"]
    for number in (3, 4):
        await say(stage, parts, number, key="x" * 196)
    assert (await shown(stage, 1))[2:] == ["Status 4"]


async def test_the_end_of_a_lost_lease_remembers_nothing(stage: Stage, parts: WorkerParts) -> None:
    """Only what is recorded can be edited."""
    await emit(stage.conn, STATUS, ["anna"], {"number": 1, "key": "17"})
    await relay_all(stage, parts)
    [claimed] = await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1)
    finishes = await attempt(parts, claimed)
    assert finishes[0].live == LiveMessage(claimed.lane_id, "open:job/17", 1, 1)
    await stage.conn.execute("update outbox.run set id = default where lease_until is not null")
    assert (await record.record(stage.conn, finishes)).won == frozenset()
    assert await kept(stage) == []


async def test_whoever_is_forgotten_has_no_live_message(stage: Stage, parts: WorkerParts) -> None:
    """Keys hold the application's words, so they go with the person."""
    await say(stage, parts, 1)
    await stage.conn.execute("select outbox.forget('anna')")
    assert await kept(stage) == []


async def test_what_nobody_will_edit_is_taken_away(stage: Stage, parts: WorkerParts) -> None:
    """A page at a time, all around; what may still be edited stays."""
    await say(stage, parts, 1)
    await stage.conn.execute(
        "insert into outbox.live_message (lane_id, key, chat_id, message_id, sent_at)"
        " select 1000 + n % 2, n::text, 1, n, now() - n * interval '10 minutes' from generate_series(1, 12) n"
    )
    place = live_message.START
    for _ in range(4):
        place = await live_message.prune(stage.conn, place, timedelta(hours=1), 5)
    assert place == live_message.START
    assert sorted(number for key, _, number in await kept(stage) if key != "open:job/17") == [1, 2, 3, 4, 5]
    await stage.conn.execute("update outbox.live_message set sent_at = now() - interval '61 minutes'")
    await maintain_slice(parts, Slice(parts, once=True))
    assert await kept(stage) == []


async def test_without_postgresql_a_second_message_goes(
    stage: Stage, parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can say what to edit, a message too many is better than none."""
    await say(stage, parts, 1)
    await emit(stage.conn, STATUS, ["anna"], {"number": 2, "key": "17"})
    await relay_all(stage, parts)
    [claimed] = await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1)
    monkeypatch.setattr("workers.delivery.outgoing.LOOK_WITHIN_S", 0.0)
    [end] = await attempt(parts, claimed)
    await record.record(stage.conn, [end])
    assert not isinstance(end.outcome, Retry)
    assert await shown(stage, 1) == ["Status 1", "Status 2"]
