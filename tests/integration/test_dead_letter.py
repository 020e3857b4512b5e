"""Dead letters: found, looked at, replayed and put away; each by whom, and each once."""

import asyncio
import random
import re
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from outbox.database.connection import Connection, Pool
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Unknown
from outbox.delivery.state import State
from outbox.event_log.event import emit
from outbox.lane import lane_claim
from outbox.lane.lane_claim import Claimed
from outbox.operator import dead_letter, operator_action, stuck
from outbox.operator.operator_action import Action, Done
from outbox.operator.stuck import Filter
from outbox.proof.completeness import prove
from outbox.recording import record
from outbox.recording.record import Finish
from tests.integration.runs import lanes
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import link, relay_all

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
EVERYTHING = Filter()
TYPE = "login.code"
DEAD, SENT = Decision(State.DEAD, 3, Reason.BAD_MESSAGE), Decision(State.SENT, 1)


async def queue(conn: Connection, *people: str, type_: str = TYPE, expires_at: datetime | None = None) -> int:
    """Emit an event for people and relay it; return its id."""
    event_id = await emit(conn, type_, people, expires_at=expires_at)
    await relay_all(conn)
    return event_id


async def end(conn: Connection, outcome: Outcome, decision: Decision, limit: int = 100) -> list[int]:
    """Claim what is due and end it; return the deliveries in the order of their ids."""
    claimed = await lane_claim.claim(conn, Channel.TELEGRAM, limit)
    await record.record(conn, [Finish(one, outcome, decision, seconds=0.25) for one in claimed])
    return sorted(one.delivery_id for one in claimed)


async def die(conn: Connection, *people: str, type_: str = TYPE, reason: Reason = Reason.BAD_MESSAGE) -> list[int]:
    """Let an event die for linked people; return its deliveries."""
    await queue(conn, *people, type_=type_)
    return await end(conn, Reject(reason), Decision(State.DEAD, 3, reason))


async def order(
    conn: Connection, action: Action, wanted: Filter = EVERYTHING, *, by: str = "olga", ignore_expiry: bool = False
) -> Done:
    """Plan an action and carry it out."""
    plan = await operator_action.plan(conn, action, wanted, ignore_expiry=ignore_expiry)
    return await operator_action.carry_out(conn, plan, by)


async def states(conn: Connection) -> dict[int, tuple[str, str | None, int]]:
    """Tell state, reason and attempts of each delivery."""
    rows = await conn.fetch("select id, state, reason, attempts from outbox.delivery order by id")
    return {row["id"]: (row["state"], row["reason"], row["attempts"]) for row in rows}


async def signatures(conn: Connection) -> list[tuple[int, str, str]]:
    """List what operators did."""
    rows = await conn.fetch("select delivery_id, action, operator from outbox.operator_action order by delivery_id, id")
    return [tuple(row) for row in rows]


async def claim_one(conn: Connection) -> Claimed:
    """Claim the one lane that is due."""
    (claimed,) = await lane_claim.claim(conn, Channel.TELEGRAM, 10)
    return claimed


async def test_a_replayed_dead_letter_is_sent_as_if_it_were_new(conn: Connection) -> None:
    """A replay makes a dead letter due now with no attempts and no reason, and it can be sent; who did it is kept."""
    await link(conn, ["anna", "boris"])
    anna, boris = await die(conn, "anna", "boris")
    done = await order(conn, Action.REPLAY, Filter(ids=(anna,)))
    assert (done.too_late, done.missed) == (0, 0)
    assert done.changed == {(TYPE, "bad_message"): 1}
    assert await states(conn) == {anna: ("pending", None, 0), boris: ("dead", "bad_message", 3)}
    assert await signatures(conn) == [(anna, "replay", "olga")]
    assert await end(conn, Delivered(7), SENT) == [anna]
    assert (await states(conn))[anna] == ("sent", None, 1)
    assert not await lane_claim.unfinished(conn)


async def test_a_discarded_dead_letter_counts_as_skipped(conn: Connection) -> None:
    """A discarded dead letter is skipped with that reason and a new time; nothing becomes due; it stays so."""
    await link(conn, ["anna"])
    (anna,) = await die(conn, "anna")
    died_at = await conn.fetchval("select settled_at from outbox.delivery")
    await order(conn, Action.DISCARD)
    assert await states(conn) == {anna: ("skipped", "discarded", 3)}
    assert await conn.fetchval("select settled_at from outbox.delivery") > died_at
    assert await signatures(conn) == [(anna, "discard", "olga")]
    assert await lane_claim.claim(conn, Channel.TELEGRAM, 10) == []
    assert (await order(conn, Action.REPLAY)).changed == {}


async def test_a_replayed_dead_letter_goes_before_what_waits_behind_it(conn: Connection) -> None:
    """A lane sends its deliveries in their order also when an earlier one comes back, however long the later waits."""
    await link(conn, ["anna"])
    (first,) = await die(conn, "anna")
    await queue(conn, "anna", type_="order.call")
    later = Decision(State.PENDING, 1, Reason.UNAVAILABLE, timedelta(hours=6))
    (second,) = await end(conn, Retry(Reason.UNAVAILABLE), later)
    assert await lane_claim.claim(conn, Channel.TELEGRAM, 10) == []
    await order(conn, Action.REPLAY)
    assert await lanes(conn) == [("anna", TYPE, False)]
    assert await end(conn, Delivered(7), SENT) == [first]
    assert await lane_claim.claim(conn, Channel.TELEGRAM, 10) == [], "the other still waits for its time"
    assert (await states(conn))[second] == ("pending", "unavailable", 1)


async def test_a_replay_leaves_a_leased_lane_to_its_worker(conn: Connection) -> None:
    """An attempt that is under way ends undisturbed, and what was replayed meanwhile is next."""
    await link(conn, ["anna"])
    (first,) = await die(conn, "anna")
    await queue(conn, "anna")
    under_way = await claim_one(conn)
    await order(conn, Action.REPLAY)
    assert await lane_claim.claim(conn, Channel.TELEGRAM, 10) == []
    recorded = await record.record(conn, [Finish(under_way, Delivered(1), SENT)])
    assert recorded.won == {under_way.delivery_id}
    assert (await claim_one(conn)).delivery_id == first


async def test_what_would_only_expire_is_left_alone(conn: Connection) -> None:
    """A dead letter past its time is too late for a replay; one that ignores that takes the limit away."""
    await link(conn, ["anna", "boris"])
    anna, boris = await die(conn, "anna", "boris")
    await conn.execute("update outbox.delivery set expires_at = now() - interval '1 hour' where id = $1", anna)
    await conn.execute("update outbox.delivery set expires_at = now() + interval '1 hour' where id = $1", boris)
    foreseen = (await operator_action.plan(conn, Action.REPLAY, EVERYTHING)).foreseen
    done = await order(conn, Action.REPLAY)
    assert (foreseen.changed.total(), foreseen.too_late) == (done.changed.total(), done.too_late) == (1, 1)
    assert {id_: state for id_, (state, _, _) in (await states(conn)).items()} == {anna: "dead", boris: "pending"}
    assert await conn.fetchval("select expires_at is not null from outbox.delivery where id = $1", boris)
    assert (await order(conn, Action.REPLAY, ignore_expiry=True)).changed.total() == 1
    assert await conn.fetchval("select expires_at is null from outbox.delivery where id = $1", anna)


async def test_what_would_only_expire_can_be_put_away(conn: Connection) -> None:
    """A dead letter past its time is discarded like any other."""
    await link(conn, ["anna"])
    await die(conn, "anna")
    await conn.execute("update outbox.delivery set expires_at = now() - interval '1 hour'")
    done = await order(conn, Action.DISCARD)
    assert (done.changed.total(), done.too_late) == (1, 0)


async def test_two_operators_replay_each_dead_letter_once(
    conn: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two replays at the same time each dead letter belongs to one; together they have done all."""
    monkeypatch.setattr(operator_action, "BATCH", 7)
    people = [f"u{number}" for number in range(60)]
    await link(conn, people)
    ids = [*await die(conn, *people), *await die(conn, *people)]

    async def operate(name: str) -> Done:
        async with pool.acquire() as own:
            return await order(own, Action.REPLAY, by=name)

    olga, oleg = await asyncio.gather(operate("olga"), operate("oleg"))
    assert olga.changed.total() + oleg.changed.total() == 120
    signed = await signatures(conn)
    assert [id_ for id_, _, _ in signed] == ids
    assert sum(name == "olga" for _, _, name in signed) == olga.changed.total()
    assert {state for state, _, _ in (await states(conn)).values()} == {"pending"}


async def someone_waits(conn: Connection) -> None:
    """Wait until somebody waits for a lock."""
    async with asyncio.timeout(PATIENCE_S):
        while not await conn.fetchval("select exists (select from pg_locks where not granted)"):  # noqa: ASYNC110 (PostgreSQL tells nobody)
            await asyncio.sleep(0.01)


async def test_who_comes_second_finds_nothing_left(conn: Connection, pool: Pool) -> None:
    """Who has picked a dead letter that another is replaying waits, and leaves it alone even if it has died again."""
    await link(conn, ["anna"])
    await die(conn, "anna")
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await order(other, Action.REPLAY, by="oleg")
        waiting = asyncio.create_task(order(conn, Action.DISCARD))
        await someone_waits(other)
        await other.execute(
            "update outbox.delivery set state = 'dead', reason = 'topic', settled_at = clock_timestamp()"
        )
        await transaction.commit()
        done = await waiting
    assert (done.changed.total(), done.missed) == (0, 1)
    assert [(action, name) for _, action, name in await signatures(conn)] == [("replay", "oleg")]


async def test_a_replay_and_an_erasure_do_not_block_each_other(conn: Connection, pool: Pool) -> None:
    """A replay locks lanes before their deliveries, as everybody does: who holds the lane is never held up by it."""
    await link(conn, ["anna"])
    await die(conn, "anna")
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await lane_claim.lock(other, [await other.fetchval("select id from outbox.lane")])
        waiting = asyncio.create_task(order(conn, Action.REPLAY))
        await someone_waits(other)
        await other.execute("select outbox.forget('anna')")
        await transaction.commit()
        assert (await waiting).changed.total() == 1
    assert await conn.fetchval("select recipient <> 'anna' from outbox.delivery")
    assert (await prove(conn, LONG_AGO)).holds


async def test_what_dies_after_the_count_is_left_alone(conn: Connection) -> None:
    """Who has agreed to what was counted has agreed to nothing that died, or died again, since."""
    await link(conn, ["anna", "boris"])
    await die(conn, "anna")
    plan = await operator_action.plan(conn, Action.REPLAY, EVERYTHING)
    await order(conn, Action.REPLAY)
    again = await end(conn, Reject(Reason.BAD_MESSAGE), DEAD)
    new = await die(conn, "boris")
    done = await operator_action.carry_out(conn, plan, "olga")
    assert (plan.foreseen.changed.total(), done.changed.total()) == (1, 0)
    assert {id_: (await states(conn))[id_][0] for id_ in [*again, *new]} == dict.fromkeys([*again, *new], "dead")


async def test_nothing_moves_without_a_signature(conn: Connection) -> None:
    """The move and the record of who made it stand together or not at all."""
    await link(conn, ["anna"])
    (anna,) = await die(conn, "anna")
    with pytest.raises(asyncpg.CheckViolationError, match="operator_action_signed"):
        await order(conn, Action.REPLAY, by=" ")
    assert await states(conn) == {anna: ("dead", "bad_message", 3)}


@pytest.fixture
async def three(conn: Connection) -> list[int]:
    """Let three deliveries die, of different types, people and reasons, 5, 3 and 1 hours ago."""
    await link(conn, ["anna", "boris", "clara"])
    ids = [
        *await die(conn, "anna"),
        *await die(conn, "boris", type_="order.call"),
        *await die(conn, "clara", reason=Reason.BAD_REQUEST),
    ]
    for id_, hours in zip(ids, (5, 3, 1), strict=True):
        ago = timedelta(hours=hours)
        await conn.execute("update outbox.delivery set settled_at = now() - $2::interval where id = $1", id_, ago)
    return ids


async def test_a_filter_means_what_fits_all_of_it(conn: Connection, three: list[int]) -> None:
    """Dead letters are found by id, type, person, reason and age; what is given together must all fit."""

    async def found(wanted: Filter) -> list[int]:
        (listed, beyond) = await stuck.find(conn, State.DEAD, wanted, 10)
        counted = sum(group.count for group in await stuck.count(conn, State.DEAD, wanted))
        assert (len(listed), beyond) == (counted, 0)
        return [three.index(one.delivery_id) for one in listed]

    now = datetime.now(UTC)
    hours = [now - timedelta(hours=hour) for hour in range(7)]
    assert await found(EVERYTHING) == [0, 1, 2]
    assert await found(Filter(ids=(three[2], three[0]))) == [0, 2]
    assert await found(Filter(type="order.call")) == [1]
    assert await found(Filter(recipient="anna")) == [0]
    assert await found(Filter(reason=Reason.BAD_REQUEST)) == [2]
    assert await found(Filter(settled_before=hours[2])) == [0, 1]
    assert await found(Filter(settled_after=hours[4])) == [1, 2]
    assert await found(Filter(settled_before=hours[2], settled_after=hours[4])) == [1]
    assert await found(Filter(type=TYPE, recipient="boris")) == []
    assert await found(Filter(ids=(4711,))) == []


async def test_the_oldest_come_first(conn: Connection, three: list[int]) -> None:
    """A list begins with what died first and says how many there are beyond its limit."""
    await conn.execute("update outbox.delivery set settled_at = now() - interval '9 hours' where id = $1", three[1])
    listed, beyond = await stuck.find(conn, State.DEAD, EVERYTHING, 2)
    assert ([one.delivery_id for one in listed], beyond) == ([three[1], three[0]], 1)
    first = listed[0]
    assert (first.type, first.channel, first.recipient) == ("order.call", "telegram", "boris")
    assert (first.reason, first.attempts) == ("bad_message", 3)
    assert 9 * 3600 <= first.age_seconds < 10 * 3600


async def test_a_filter_says_what_is_replayed(conn: Connection, three: list[int]) -> None:
    """An action changes what its filter means, and counts it by type and reason."""
    done = await order(conn, Action.DISCARD, Filter(type=TYPE))
    assert done.changed == {(TYPE, "bad_message"): 1, (TYPE, "bad_request"): 1}
    assert {id_: state for id_, (state, _, _) in (await states(conn)).items()} == {
        three[0]: "skipped",
        three[1]: "dead",
        three[2]: "skipped",
    }


async def test_a_dead_letter_is_shown_with_its_history(conn: Connection) -> None:
    """A dead letter comes with its event, each attempt before and after a replay, and who replayed it."""
    await link(conn, ["anna"])
    event_id = await emit(conn, TYPE, ["anna", "boris"], {"code": "1"}, request_id="req-1")
    await relay_all(conn)
    again = Decision(State.PENDING, 1, Reason.UNAVAILABLE)
    await end(conn, Retry(Reason.UNAVAILABLE), again)
    (anna,) = await end(conn, Reject(Reason.BAD_MESSAGE), DEAD)
    await order(conn, Action.REPLAY)
    assert await dead_letter.load(conn, anna) is None
    await end(conn, Reject(Reason.TOPIC), Decision(State.DEAD, 1, Reason.TOPIC))
    letter = await dead_letter.load(conn, anna)
    assert letter is not None
    assert (letter.event_id, letter.type, letter.request_id, letter.recipients) == (event_id, TYPE, "req-1", 2)
    assert (letter.delivery_id, letter.recipient, letter.reason, letter.attempts) == (anna, "anna", "topic", 1)
    assert letter.payload == '{"code": "1"}'
    assert [(one.outcome, one.reason, one.seconds) for one in letter.tried] == [
        ("retry", "unavailable", 0.25),
        ("reject", "bad_message", 0.25),
        ("reject", "topic", 0.25),
    ]
    assert [(one.action, one.operator) for one in letter.acted] == [("replay", "olga")]
    assert letter.emitted_at < letter.born_at < letter.tried[0].at < letter.acted[0].at < letter.died_at


async def test_whatever_operators_do_it_adds_up(conn: Connection) -> None:
    """After any mix of deaths, replays, discards, resends and confirmations everything is accounted for."""
    chance = random.Random(7)
    people = [f"u{number}" for number in range(8)]
    await link(conn, people)
    ends: list[tuple[Outcome, Decision]] = [
        (Delivered(7), SENT),
        (Reject(Reason.BAD_MESSAGE), DEAD),
        (Unknown(Reason.LOST_ANSWER), Decision(State.UNKNOWN, 1, Reason.LOST_ANSWER)),
        (Retry(Reason.UNAVAILABLE), Decision(State.PENDING, 1, Reason.UNAVAILABLE)),
    ]
    acted = 0
    for _ in range(25):
        await queue(conn, *chance.sample(people, 4), type_=chance.choice([TYPE, "order.paid"]))
        for outcome, decision in chance.sample(ends, 3):
            await end(conn, outcome, decision, chance.randint(1, 4))
        acted += (
            await order(conn, chance.choice(list(Action)), Filter(recipient=chance.choice(people)))
        ).changed.total()
        acted += (await order(conn, chance.choice(list(Action)), Filter(type=TYPE))).changed.total()
        found = await prove(conn, LONG_AGO)
        assert found.holds, found
    assert acted == len(await signatures(conn)) > 20
    while await end(conn, Delivered(7), SENT):
        pass
    assert await conn.fetchval("select count(*) from outbox.delivery where phase = 'open'") == 0
    assert {state for state, _, _ in (await states(conn)).values()} <= {"sent", "dead", "unknown", "skipped"}


async def test_the_table_knows_every_action(conn: Connection) -> None:
    """What the table of operators' actions can hold are the actions of the code."""
    definition = await conn.fetchval(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'operator_action_known'"
    )
    assert set(re.findall(r"'(\w+)'", definition)) == set(Action)


async def test_the_worker_may_do_what_an_operator_orders(conn: Connection) -> None:
    """The role outbox_worker has the rights to find, load and change what is stuck."""
    await link(conn, ["anna"])
    (anna,) = await die(conn, "anna")
    await conn.execute("set role outbox_worker")
    try:
        await stuck.find(conn, State.DEAD, EVERYTHING, 1)
        await dead_letter.load(conn, anna)
        await order(conn, Action.REPLAY)
    finally:
        await conn.execute("reset role")
    assert await signatures(conn) == [(anna, "replay", "olga")]


async def test_what_is_stuck_is_found_by_its_own_index(conn: Connection) -> None:
    """However much has been delivered, only what is stuck is read to find, count and pick it."""
    for sql, rest in ((stuck.FIND, ", 50"), (stuck.COUNT, ""), (stuck.PICK, ", 0, 500")):
        await conn.execute(f"prepare wanted as {sql}")
        nothing = ", ".join(["null"] * 6)
        plan = "\n".join(r[0] for r in await conn.fetch(f"explain execute wanted('dead', {nothing}{rest})"))
        await conn.execute("deallocate wanted")
        assert "delivery_stuck" in plan
        assert "Seq Scan" not in plan
