"""Digests on real parts: what is folded, what becomes of it, and what everybody has got in the end."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from health import Health
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered
from outbox.delivery.state import State
from outbox.event_log.event import emit
from outbox.lane import digest, lane_claim
from outbox.lane import run as outbox_run
from outbox.lane.lane_claim import Claimed
from outbox.operator import operator_action
from outbox.operator.operator_action import Action
from outbox.operator.stuck import Filter
from outbox.proof.completeness import prove
from outbox.proof.event_trace import trace
from outbox.recording import record
from outbox.recording.record import Finish
from tests.integration.gathering import ALONE, HELD, NOTE, OTHER, queue, relay_all, rows, shown, with_catalog
from tests.integration.stage import Stage
from tests.integration.test_deliver import run
from workers.configuration.settings import Settings
from workers.delivery.attempt import attempt
from workers.delivery.digest_builder import fold
from workers.delivery.expired_lease import settle
from workers.wiring.worker_parts import WorkerParts, wire
from workers.worker.watch import USES

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
EIGHT = [NOTE] * 8
EIGHT_LINES = "Note 1|Note 2|Note 3|Note 4|Note 5|Note 6|Note 7|Note 8"


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """Give the stage a catalog whose messages are gathered."""
    return with_catalog(stage)


async def anna_waits(stage: Stage, parts: WorkerParts, *types: str) -> None:
    """Link anna, and let messages wait for her."""
    await stage.people({"anna": 1})
    await queue(stage, parts, "anna", *types)


async def claim(stage: Stage, *, lease: timedelta = lane_claim.LEASE) -> Claimed:
    """Claim the only lane that is due."""
    [claimed] = await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1, lease=lease)
    return claimed


async def fault(stage: Stage, **fields: object) -> None:
    """Order a fault of the simulator's."""
    await stage.order("POST", "faults", {"method": "sendMessage", "times": 1, **fields})


async def refuse(stage: Stage, code: int, description: str, times: int = 1) -> None:
    """Let Telegram refuse a message."""
    await fault(stage, kind="error", code=code, description=description, times=times)


async def hurry(stage: Stage) -> None:
    """Make due what waits for its next try."""
    await stage.conn.execute("update outbox.delivery set due_at = now() where state = 'pending'")
    await stage.conn.execute("update outbox.lane set due_at = now() where due_at is not null")


def sample(parts: WorkerParts, name: str, **labels: str) -> float:
    """Read a metric."""
    return parts.metrics.registry.get_sample_value(f"vestnik_{name}", labels) or 0.0


async def test_what_waits_after_an_outage_goes_in_few_messages(stage: Stage, parts: WorkerParts) -> None:
    """A hundred and twenty go in three; each is sent with the id of the message that carried it, and counted."""
    await anna_waits(stage, parts, *[NOTE] * 120)
    await run(parts)
    got = [line for message in await shown(stage, 1) for line in message.split("|")]
    assert got == [f"Note {number}" for number in range(1, 121)]
    assert await rows(stage) == [("sent", None, 1, 1)] * 50 + [("sent", None, 1, 2)] * 50 + [("sent", None, 1, 3)] * 20
    assert (await stage.order("GET", "counters"))["delivered"] == 3
    assert parts.health.counters.sent == 120
    assert sample(parts, "deliveries_total", channel="telegram", outcome="delivered", reason="") == 120
    assert sample(parts, "delivery_latency_seconds_count", channel="telegram") == 120
    assert sample(parts, "lease_lost_total") == 0
    proof = await prove(stage.conn, LONG_AGO)
    assert (proof.holds, proof.states) == (True, {"telegram": {"sent": 120}})


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([NOTE] * 5, ["Note 1", "Note 2", "Note 3", "Note 4", "Note 5"]),
        ([NOTE] * 6, ["Note 1|Note 2|Note 3|Note 4|Note 5|Note 6"]),
        (
            [OTHER, *[NOTE, HELD] * 3, OTHER, *[NOTE] * 2],
            ["Other 1", "Note 2|Held 3|Note 4|Held 5|Note 6|Held 7", "Other 8", "Note 9", "Note 10"],
        ),
        (
            [*[NOTE] * 6, ALONE, *[NOTE] * 6],
            ["Note 1|Note 2|Note 3|Note 4|Note 5|Note 6", "Alone 7", "Note 8|Note 9|Note 10|Note 11|Note 12|Note 13"],
        ),
        ([NOTE, ALONE] * 3, ["Note 1", "Alone 2", "Note 3", "Alone 4", "Note 5", "Alone 6"]),
    ],
    ids=["as many as may go alone", "one more", "categories", "a type that is not listed", "always one between"],
)
async def test_only_what_follows_without_a_gap_is_folded(
    stage: Stage, parts: WorkerParts, types: list[str], expected: list[str]
) -> None:
    """More than DIGEST_OVER of one category, whose types allow it, with nothing else between; the order stays."""
    await anna_waits(stage, parts, *types)
    await run(parts)
    assert await shown(stage, 1) == expected
    assert await stage.states() == {"sent": len(types)}


async def test_what_has_expired_ends_the_list(stage: Stage, parts: WorkerParts) -> None:
    """It is never listed, and what stands behind it goes with the next message."""
    await anna_waits(stage, parts, *[NOTE] * 6)
    await emit(stage.conn, NOTE, ["anna"], {"number": 7}, expires_at=datetime.now(UTC) + timedelta(hours=1))
    await relay_all(stage, parts)
    await queue(stage, parts, "anna", *[NOTE] * 6, first=8)
    await stage.conn.execute(
        "update outbox.delivery set expires_at = now() where expires_at is not null and state = 'pending'"
    )
    await run(parts)
    assert await shown(stage, 1) == [
        "Note 1|Note 2|Note 3|Note 4|Note 5|Note 6",
        "Note 8|Note 9|Note 10|Note 11|Note 12|Note 13",
    ]
    assert await stage.states() == {"sent": 12, "expired": 1}


async def test_a_payload_that_cannot_be_rendered_dies_alone(stage: Stage, parts: WorkerParts) -> None:
    """The list ends before it, and what stands behind it arrives."""
    await anna_waits(stage, parts, *[NOTE] * 6)
    await emit(stage.conn, NOTE, ["anna"], {"nothing": 7})
    await queue(stage, parts, "anna", *[NOTE] * 6, first=8)
    await run(parts)
    assert (await rows(stage))[6] == ("dead", "template", 1, None)
    assert await stage.states() == {"sent": 12, "dead": 1}
    assert len(await shown(stage, 1)) == 2


@pytest.mark.parametrize(
    ("description", "times"),
    [
        ("Bad Request: message is too long", 1),
        ("Bad Request: something new", 1),
        ("Bad Request: can't parse entities: Unexpected end tag at byte offset 3", 2),
    ],
)
async def test_a_refused_digest_goes_one_by_one(stage: Stage, parts: WorkerParts, description: str, times: int) -> None:
    """Nobody dies of it and no attempt is lost; what comes later is folded again."""
    await anna_waits(stage, parts, *EIGHT)
    await refuse(stage, 400, description, times)
    await run(parts)
    assert await shown(stage, 1) == [f"Note {number}" for number in range(1, 9)]
    assert await rows(stage) == [("sent", None, 1, number) for number in range(1, 9)]
    noted = await stage.conn.fetch("select outcome, reason, count(*) from outbox.attempt group by 1, 2")
    assert [tuple(row) for row in noted] == [("snooze", "digest", 8)]
    await queue(stage, parts, "anna", *[NOTE] * 6, first=9)
    await run(parts)
    assert (await shown(stage, 1))[8:] == ["Note 9|Note 10|Note 11|Note 12|Note 13|Note 14"]


async def test_what_goes_by_itself_is_in_no_other_list(stage: Stage, parts: WorkerParts) -> None:
    """Behind one that an operator brings back it ends the list."""
    await anna_waits(stage, parts, *EIGHT)
    head = await claim(stage)
    await stage.conn.execute("update outbox.delivery set reason = 'digest' where id = $1", head.delivery_id + 3)
    following = await digest.following(stage.conn, head, {NOTE}, 49, 49)
    assert [one.delivery_id - head.delivery_id for one in following] == [1, 2]


async def test_markup_that_telegram_cannot_parse_costs_the_markup_alone(stage: Stage, parts: WorkerParts) -> None:
    """The same list arrives as plain text."""
    await anna_waits(stage, parts, *EIGHT)
    await refuse(stage, 400, "Bad Request: can't parse entities: Unexpected end tag at byte offset 3")
    await run(parts)
    assert await shown(stage, 1) == [EIGHT_LINES]
    assert await rows(stage) == [("sent", "markup", 1, 1)] * 8


async def test_a_chat_that_is_closed_closes_the_lane(stage: Stage, parts: WorkerParts) -> None:
    """The head is the dead letter, as ever; the rest of the lane is skipped, listed or not."""
    await anna_waits(stage, parts, *EIGHT, OTHER)
    await refuse(stage, 403, "Forbidden: bot was blocked by the user")
    await run(parts)
    assert await rows(stage) == [("dead", "blocked", 1, None)] + [("skipped", "blocked", 0, None)] * 8
    assert (await prove(stage.conn, LONG_AGO)).holds
    assert sample(parts, "deliveries_total", channel="telegram", outcome="reject", reason="blocked") == 1


async def test_a_flood_wait_costs_nobody_an_attempt(stage: Stage, parts: WorkerParts) -> None:
    """The head waits as long as Telegram says, the others behind it, as they were."""
    await anna_waits(stage, parts, *EIGHT)
    await fault(stage, kind="error", code=429, retry_after=1, description="Too Many Requests: retry after 1")
    claimed = await claim(stage)
    await record.record(stage.conn, await attempt(parts, claimed))
    assert await rows(stage) == [("pending", "flood", 0, None)] + [("pending", None, 0, None)] * 7
    assert await stage.conn.fetchval("select due_at > (select max(ended_at) from outbox.attempt) from outbox.lane")
    await hurry(stage)
    await run(parts)
    assert await shown(stage, 1) == [EIGHT_LINES]


async def test_a_fault_that_may_pass_costs_the_head_an_attempt(stage: Stage, parts: WorkerParts) -> None:
    """An unnamed 403 is the chat's: the others are tried again with the head, and none of them dies of it."""
    await anna_waits(stage, parts, *EIGHT)
    await refuse(stage, 403, "Forbidden: bot can't send messages to the user")
    await record.record(stage.conn, await attempt(parts, await claim(stage)))
    assert await rows(stage) == [("pending", "forbidden", 1, None)] + [("pending", None, 0, None)] * 7
    await hurry(stage)
    await run(parts)
    assert await rows(stage) == [("sent", None, 2, 1)] + [("sent", None, 1, 1)] * 7


async def test_an_answer_that_is_lost_leaves_each_to_its_own_type(stage: Stage, parts: WorkerParts) -> None:
    """What must not arrive twice waits for an operator; the rest is sent again, each a possible duplicate."""
    await anna_waits(stage, parts, *[NOTE, HELD] * 4)
    await fault(stage, kind="close_after_delivery")
    await record.record(stage.conn, finishes := await attempt(parts, await claim(stage)))
    assert len(finishes) == 8
    assert Counter((state, reason) for state, reason, *_ in await rows(stage)) == {
        ("pending", "lost_answer"): 4,
        ("unknown", "lost_answer"): 4,
    }
    assert await stage.conn.fetchval("select count(*) from outbox.attempt where resent") == 4
    parts.out_of_reach.clear()
    await hurry(stage)
    await run(parts)
    assert await shown(stage, 1) == [
        "Note 1|Held 2|Note 3|Held 4|Note 5|Held 6|Note 7|Held 8",
        *("Note 1", "Note 3", "Note 5", "Note 7"),
    ]
    plan = await operator_action.plan(stage.conn, Action.RESEND, Filter())
    await operator_action.carry_out(stage.conn, plan, "olga")
    await run(parts)
    assert (await shown(stage, 1))[5:] == ["Held 2", "Held 4", "Held 6", "Held 8"]
    assert await stage.states() == {"sent": 8}
    assert (await prove(stage.conn, LONG_AGO)).holds


async def test_all_that_a_dead_worker_was_sending_is_settled_at_once(stage: Stage, parts: WorkerParts) -> None:
    """Its lease ends, and each of them is unknown; what waits behind them goes on."""
    await anna_waits(stage, parts, *[NOTE, HELD] * 4, OTHER)
    post = await fold(parts, await claim(stage, lease=timedelta(0)))
    assert post is not None
    assert (await stage.states())["sending"] == 8
    assert await settle(parts, stage.conn) == 8
    assert await stage.states() == {"pending": 5, "unknown": 4}
    assert parts.health.counters.unknown == 8
    await hurry(stage)
    await run(parts)
    assert await shown(stage, 1) == ["Note 1", "Note 3", "Note 5", "Note 7", "Other 9"]


async def test_whoever_has_lost_the_lease_takes_nothing(stage: Stage, parts: WorkerParts) -> None:
    """A worker that comes too late neither takes what follows nor sends, and writes nothing."""
    await anna_waits(stage, parts, *EIGHT)
    late = await claim(stage, lease=timedelta(0))
    assert await settle(parts, stage.conn) == 1
    assert Counter(one.outcome.reason for one in await attempt(parts, late)) == {"digest": 1}
    assert await stage.states() == {"pending": 8}
    assert (await stage.order("GET", "counters"))["calls"] == 0


async def test_all_are_taken_or_none(stage: Stage, parts: WorkerParts) -> None:
    """Where somebody has withdrawn one meanwhile nothing is taken, and the head goes by itself."""
    await anna_waits(stage, parts, *EIGHT)
    head = await claim(stage)
    following = await digest.following(stage.conn, head, {NOTE}, 49, 49)
    withdraw = "update outbox.delivery set state = 'skipped', reason = 'muted', settled_at = now() where id = $1"
    await stage.conn.execute(withdraw, following[3].delivery_id)
    assert not await digest.carry(stage.conn, head, following)
    assert await stage.states() == {"sending": 1, "pending": 6, "skipped": 1}
    assert await digest.carry(stage.conn, head, following[:3])
    assert await stage.states() == {"sending": 4, "pending": 3, "skipped": 1}


async def test_a_run_that_stays_locked_takes_nothing_along_and_loses_nothing(stage: Stage, parts: WorkerParts) -> None:
    """What follows is not taken then; the head goes by itself, and the next digest lists the rest."""
    await anna_waits(stage, parts, *EIGHT)
    head = await claim(stage)
    async with stage.conn.transaction():
        await outbox_run.lock(stage.conn, [head.token])
        finishes = await attempt(parts, head)
    await record.record(stage.conn, finishes)
    assert await stage.states() == {"pending": 8}
    await run(parts)
    assert await shown(stage, 1) == ["Note 1", EIGHT_LINES.removeprefix("Note 1|")]
    assert await stage.states() == {"sent": 8}


async def test_what_was_taken_although_nobody_heard_of_it_comes_back(
    stage: Stage, parts: WorkerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that broke with the answer leaves nothing behind under way: each goes by itself."""
    real = digest.carry

    async def breaks(conn: Connection, head: Claimed, carried: Sequence[Claimed]) -> bool:
        assert await real(conn, head, carried)
        raise ConnectionResetError

    monkeypatch.setattr(digest, "carry", breaks)
    await anna_waits(stage, parts, *EIGHT)
    finishes = await attempt(parts, await claim(stage))
    assert await stage.states() == {"sending": 8}
    await record.record(stage.conn, finishes)
    assert await rows(stage) == [("pending", "digest", 0, None)] * 8
    await run(parts)
    assert await shown(stage, 1) == [f"Note {number}" for number in range(1, 9)]


async def test_two_workers_fold_without_a_copy_or_a_gap(stage: Stage, parts: WorkerParts) -> None:
    """Six people's messages arrive once and in order, whoever folds them, while more come in."""
    people = {f"u{number}": 100 + number for number in range(6)}
    await stage.people(people)
    for first in (1, 101):
        for number in range(first, first + 100):
            await emit(stage.conn, OTHER if number % 40 == 0 else NOTE, list(people), {"number": number})
        await relay_all(stage, parts)
        if first == 1:
            given: dict[str, str] = {name.lower(): value for name, value in stage.environment.items()}
            async with wire(Settings(**given), Health("worker", "w2", USES)) as second:  # type: ignore[arg-type]  # from text
                second.relay_drained.set()
                await asyncio.gather(run(parts), run(second))
    await run(parts)
    for chat_id in people.values():
        got = [line for message in await shown(stage, chat_id) for line in message.split("|")]
        assert [int(line.split()[1]) for line in got] == list(range(1, 201))
    assert await stage.states() == {"sent": 1200}
    assert (await stage.order("GET", "counters"))["delivered"] < 200
    assert (await prove(stage.conn, LONG_AGO)).holds


async def test_each_of_them_can_be_traced_and_sent_again(stage: Stage, parts: WorkerParts) -> None:
    """The trace names the message that carried it; a dead letter among them is replayed by itself."""
    await anna_waits(stage, parts, *EIGHT)
    await run(parts)
    third = await stage.conn.fetchval("select id from outbox.event order by id offset 2 limit 1")
    steps = await trace(stage.conn, str(third))
    assert [(step.what, step.state, step.message_id) for step in steps if step.event_id == third][-2:] == [
        ("attempted", "delivered", None),
        ("settled", "sent", 1),
    ]
    await queue(stage, parts, "anna", NOTE, first=9)
    await refuse(stage, 400, "Bad Request: something new")
    await run(parts)
    plan = await operator_action.plan(stage.conn, Action.REPLAY, Filter())
    await operator_action.carry_out(stage.conn, plan, "olga")
    await run(parts)
    assert await shown(stage, 1) == [EIGHT_LINES, "Note 9"]


async def test_a_chats_pace_counts_the_message_once(stage: Stage, parts: WorkerParts) -> None:
    """Eight deliveries of one message move the pace on by one message."""
    await anna_waits(stage, parts, *EIGHT)
    finishes = await attempt(parts, await claim(stage))
    slow = [Finish(one.claimed, one.outcome, one.decision, every=one.every * 1000, burst=1) for one in finishes]
    await record.record(stage.conn, slow)
    ahead = await stage.conn.fetchval(
        "select paced_until - (select max(settled_at) from outbox.delivery) from outbox.lane"
    )
    assert ahead == timedelta(seconds=1)


async def test_it_is_as_silent_as_its_head(stage: Stage, parts: WorkerParts) -> None:
    """Quiet hours mean for the whole what they mean for one."""
    await anna_waits(stage, parts, *EIGHT)
    await stage.conn.execute(
        "insert into outbox.recipient (recipient, quiet, quiet_from, quiet_until) values ('anna', 'silent', $1, $2)"
        " on conflict (recipient) do update set quiet = 'silent', quiet_from = $1, quiet_until = $2",
        (datetime.now(UTC) - timedelta(hours=1)).time(),
        (datetime.now(UTC) + timedelta(hours=1)).time(),
    )
    await run(parts)
    [message] = await stage.order("GET", "chats/1/messages")
    assert message["silent"]


MANY = """
insert into outbox.event (type, recipients, payload)
  select 'note.list', array['anna'], jsonb_build_object('number', n) from generate_series(2, 10001) n;
insert into outbox.delivery (event_id, lane_id, channel, recipient, state)
  select e.id, l.id, 'telegram', 'anna', 'pending' from outbox.event e, outbox.lane l
  where not exists (select from outbox.delivery d where d.event_id = e.id) order by e.id;
"""
READ = "select idx_tup_fetch + seq_tup_read from pg_stat_user_tables where relid = 'outbox.delivery'::regclass"


async def test_ten_thousand_in_one_lane_cost_no_more_than_fifty(stage: Stage, parts: WorkerParts) -> None:
    """A look reads what one message could list, and the lane goes out in order however long it is."""
    await anna_waits(stage, parts, NOTE)
    await stage.conn.execute(MANY)
    head = await claim(stage)
    before = await read_rows(stage)
    assert len(await digest.following(stage.conn, head, {NOTE}, 49, 49)) == 49
    assert await read_rows(stage) - before <= 100
    sent = [Finish(head, Delivered(1), Decision(State.SENT, 1))]
    await record.record(stage.conn, sent)
    finishes = await attempt(parts, await claim(stage))
    assert [one.claimed.event_id - head.event_id for one in finishes] == list(range(1, 51))


async def read_rows(stage: Stage) -> int:
    """Tell how many deliveries this database has read in all."""
    await stage.conn.execute("select pg_stat_force_next_flush()")
    read: int = await stage.conn.fetchval(READ)
    return read
