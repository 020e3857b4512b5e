"""Lanes: claiming them, ending attempts, and what happens when two do so at once."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import pytest

from outbox import lane, record, relay
from outbox.channel import Channel
from outbox.database import Connection, Pool, connect
from outbox.decision import Policy, decide
from outbox.event import emit
from outbox.lane import Claimed
from outbox.link import LinkState
from outbox.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.record import Finish
from tests.integration.test_fan_out import ROUTES, link, relay_all

HOUR = timedelta(hours=1)
OVER = timedelta(0)
"""A lease that ends as it begins."""


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Connection]:
    """Connect a second time."""
    opened = await connect(database_url)
    yield opened
    await opened.close()


async def queue(conn: Connection, recipients: Iterable[str], each: int = 1) -> None:
    """Give each recipient a link and that many Telegram deliveries."""
    everyone = list(recipients)
    await link(conn, everyone)
    for _ in range(each):
        await emit(conn, "login.code", everyone)
    await relay_all(conn)


async def claim(conn: Connection, limit: int = 100, *, lease: timedelta = lane.LEASE) -> list[Claimed]:
    """Claim Telegram lanes."""
    return await lane.claim(conn, Channel.TELEGRAM, limit, lease=lease)


async def claim_one(conn: Connection, *, lease: timedelta = lane.LEASE) -> Claimed:
    """Claim the only lane that is due."""
    (claimed,) = await claim(conn, lease=lease)
    return claimed


def ended(claimed: Claimed, outcome: Outcome, policy: Policy | None = None, **more: Any) -> Finish:
    """End an attempt as the worker does."""
    return Finish(claimed, outcome, decide(outcome, claimed.attempts, claimed.claimed_at, policy or Policy()), **more)


async def end(conn: Connection, claimed: Claimed, outcome: Outcome, policy: Policy | None = None, **more: Any) -> bool:
    """Record the end of one attempt and say whether it won."""
    recorded = await record.record(conn, [ended(claimed, outcome, policy, **more)])
    return claimed.delivery_id in recorded.won


async def states(conn: Connection) -> list[tuple[str, str | None]]:
    """List state and reason of all deliveries, in their order."""
    rows = await conn.fetch("select state, reason from outbox.delivery order by id")
    return [(row["state"], row["reason"]) for row in rows]


async def standing(conn: Connection) -> str:
    """Say where the only lane stands."""
    return str(
        await conn.fetchval(
            "select case when lease_until is not null then 'leased' when due_at is null then 'idle'"
            " when due_at <= now() then 'due' else 'waiting' end from outbox.lane"
        )
    )


async def blocked(conn: Connection, by: Connection, task: asyncio.Task[Any]) -> None:
    """Wait until somebody waits for a lock that the other connection holds."""
    async with asyncio.timeout(10):
        waits = "select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))"
        while not await conn.fetchval(waits, by.get_server_pid()):
            assert not task.done()


async def test_a_claim_takes_the_head_of_each_lane(conn: Connection) -> None:
    """A claim leases each due lane and takes its oldest delivery; the others wait."""
    await queue(conn, ["anna", "boris"], each=2)
    claimed = await claim(conn)
    heads = await conn.fetch("select min(id) as id from outbox.delivery group by lane_id")
    assert {one.delivery_id for one in claimed} == {row["id"] for row in heads}
    assert [one.token for one in claimed] == [1, 1]
    assert [state for state, _ in await states(conn)] == ["sending", "sending", "pending", "pending"]
    leases = await conn.fetch("select lease_until > now() as held, due_at from outbox.lane")
    assert [tuple(row) for row in leases] == [(True, None), (True, None)]


async def test_a_claim_brings_what_it_takes_to_send(conn: Connection) -> None:
    """A claimed delivery comes with its event, the recipient's language and the chat."""
    await link(conn, ["anna"])
    await conn.execute("update outbox.recipient set locale = 'ru'")
    await conn.execute("update outbox.telegram_link set thread_id = 5")
    event = await emit(conn, "order.call", ["anna"], {"order": 17}, request_id="r-1")
    await relay_all(conn)
    claimed = await claim_one(conn)
    assert (claimed.event_id, claimed.type, claimed.payload) == (event, "order.call", '{"order": 17}')
    assert (claimed.recipient, claimed.locale, claimed.chat_id, claimed.thread_id) == ("anna", "ru", 1000, 5)
    assert (claimed.attempts, claimed.request_id) == (0, "r-1")
    assert claimed.expires_at == claimed.emitted_at + timedelta(minutes=10)


async def test_a_claim_without_a_link_has_no_chat(conn: Connection) -> None:
    """A delivery whose link ended while it waited is claimed without a chat."""
    await queue(conn, ["anna"])
    await conn.execute("update outbox.telegram_link set unlinked_at = now()")
    assert (await claim_one(conn)).chat_id is None


async def test_a_claim_takes_no_more_than_asked_for(conn: Connection) -> None:
    """A claim of two takes the two lanes that have been due longest."""
    await queue(conn, ["anna", "boris", "clara"])
    await conn.execute("update outbox.lane set due_at = now() - interval '1 hour' where recipient <> 'anna'")
    assert {one.recipient for one in await claim(conn, 2)} == {"boris", "clara"}


async def test_a_leased_lane_is_not_claimed_again(conn: Connection) -> None:
    """A lane that somebody holds gives nothing to anybody else, though it has more waiting."""
    await queue(conn, ["anna"], each=2)
    await claim_one(conn)
    assert await claim(conn) == []


async def test_a_claim_waits_for_nobody(conn: Connection, other: Connection) -> None:
    """A lane locked by an open transaction is passed over, the others are claimed."""
    await queue(conn, ["anna", "boris", "clara"])
    async with other.transaction():
        first = await claim(other, 2)
        second = await claim(conn)
    assert len(first) == 2
    assert {one.recipient for one in first} | {one.recipient for one in second} == {"anna", "boris", "clara"}
    assert len(second) == 1


async def test_two_claimers_never_get_the_same_lane(conn: Connection, pool: Pool) -> None:
    """Claims that run at once share the lanes among them, each lane once."""
    await queue(conn, [f"user-{number}" for number in range(200)])

    async def worker() -> list[Claimed]:
        async with pool.acquire() as mine:
            got: list[Claimed] = []
            while await lane.next_due(mine, Channel.TELEGRAM) is not None:
                got += await claim(mine, 7)
            return got

    claimed = [one for got in await asyncio.gather(*(worker() for _ in range(4))) for one in got]
    assert len(claimed) == 200
    assert len({one.lane_id for one in claimed}) == 200
    assert len({one.delivery_id for one in claimed}) == 200


async def test_a_recorded_lane_is_due_for_its_next(conn: Connection) -> None:
    """When an attempt has ended well its lane is due for the next delivery, and idle after the last."""
    await queue(conn, ["anna"], each=2)
    first = await claim_one(conn)
    assert await end(conn, first, Delivered(message_id=501))
    second = await claim_one(conn)
    assert second.delivery_id > first.delivery_id
    assert second.token == 2
    assert await end(conn, second, Delivered(message_id=502))
    assert await standing(conn) == "idle"
    sent = await conn.fetch("select state, attempts, message_id from outbox.delivery order by id")
    assert [tuple(row) for row in sent] == [("sent", 1, 501), ("sent", 1, 502)]


async def test_an_attempt_that_simply_succeeded_leaves_no_row(conn: Connection) -> None:
    """Attempts are noted when they failed, or when one before them had."""
    await queue(conn, ["anna"], each=2)
    await end(conn, await claim_one(conn), Delivered())
    await end(conn, await claim_one(conn), Retry(Reason.UNAVAILABLE), Policy(schedule=(OVER,)), seconds=0.5)
    await end(conn, await claim_one(conn), Delivered())
    noted = await conn.fetch("select token, outcome, reason, seconds from outbox.attempt order by id")
    assert [tuple(row) for row in noted] == [(2, "retry", "unavailable", 0.5), (3, "delivered", None, 0.0)]


async def test_a_stale_token_writes_nothing(conn: Connection, other: Connection) -> None:
    """Who has lost the lease writes neither delivery nor attempt nor link nor lane, and is told so."""
    await queue(conn, ["anna"], each=2)
    lost = await claim_one(conn, lease=OVER)
    (taken,) = await lane.take_ended(other, 10)
    assert not await end(conn, lost, Reject(Reason.BLOCKED), link=LinkState.BLOCKED, migrate_to=7, every=HOUR)
    assert [state for state, _ in await states(conn)] == ["sending", "pending"]
    assert await conn.fetchval("select count(*) from outbox.attempt") == 0
    assert await conn.fetchval("select (state, chat_id) = ('active', 1000) from outbox.telegram_link")
    assert await conn.fetchval("select paced_until = '-infinity' from outbox.lane")
    assert await standing(conn) == "leased"
    assert await end(other, taken, Delivered())


async def test_one_lost_lease_among_many_spoils_nothing(conn: Connection) -> None:
    """In a batch those who hold their tokens win and those who lost them do not."""
    await queue(conn, ["anna", "boris"])
    first, second = await claim(conn)
    await conn.execute("update outbox.lane set token = token + 1 where id = $1", second.lane_id)
    recorded = await record.record(conn, [ended(second, Delivered()), ended(first, Delivered())])
    assert recorded.won == {first.delivery_id}


async def test_an_end_recorded_twice_counts_once(conn: Connection) -> None:
    """The same end, written again because nobody knew whether the first write arrived, changes nothing."""
    await queue(conn, ["anna"], each=2)
    first = await claim_one(conn)
    policy = Policy(schedule=(OVER,))
    assert await end(conn, first, Retry(Reason.UNAVAILABLE), policy)
    assert not await end(conn, first, Retry(Reason.UNAVAILABLE), policy)
    assert (await claim_one(conn)).attempts == 1
    assert not await end(conn, first, Retry(Reason.UNAVAILABLE), policy)
    assert await standing(conn) == "leased"


async def test_an_event_added_while_its_lane_goes_idle(conn: Connection, other: Connection) -> None:
    """A delivery that the relay adds while the lane's last attempt is being recorded is not forgotten."""
    await queue(conn, ["anna"])
    last = await claim_one(conn)
    await emit(conn, "login.code", ["anna"])
    async with asyncio.timeout(20):
        transaction = conn.transaction()
        await transaction.start()
        assert await end(conn, last, Delivered())
        assert await standing(conn) == "idle"
        adding = asyncio.create_task(relay.step(other, ROUTES))
        await blocked(conn, conn, adding)
        await transaction.commit()
        await adding
    assert await standing(conn) == "due"


async def test_a_lane_goes_idle_while_an_event_is_added(conn: Connection, other: Connection) -> None:
    """An attempt recorded while the relay adds to its lane waits for the relay and finds the new delivery."""
    await queue(conn, ["anna"])
    last = await claim_one(conn)
    await emit(conn, "login.code", ["anna"])
    async with asyncio.timeout(20):
        transaction = conn.transaction()
        await transaction.start()
        batch = await relay.step(conn, ROUTES)
        assert batch is not None
        assert batch.written.deliveries == 1
        recording = asyncio.create_task(end(other, last, Delivered()))
        await blocked(conn, conn, recording)
        await transaction.commit()
        assert await recording
    assert await standing(conn) == "due"


async def test_an_end_taken_over_while_it_is_written(conn: Connection, other: Connection) -> None:
    """A record that waits for the lane while its ended lease is taken over loses."""
    await queue(conn, ["anna"])
    late = await claim_one(conn, lease=OVER)
    async with asyncio.timeout(20):
        transaction = conn.transaction()
        await transaction.start()
        (taken,) = await lane.take_ended(conn, 10)
        recording = asyncio.create_task(end(other, late, Delivered()))
        await blocked(conn, conn, recording)
        await transaction.commit()
        assert not await recording
    assert [state for state, _ in await states(conn)] == ["sending"]
    assert await end(conn, taken, Delivered())


@pytest.mark.parametrize(("waiting", "after"), [(2, "due"), (1, "idle")])
async def test_a_claim_whose_head_is_gone_gives_the_lane_back(
    conn: Connection, other: Connection, waiting: int, after: str
) -> None:
    """A claim whose head was settled between its look and its lock leaves the lane due for its next, or idle."""
    await queue(conn, ["anna"], each=waiting)
    async with asyncio.timeout(20):
        transaction = other.transaction()
        await transaction.start()
        await other.execute(
            "update outbox.delivery set state = 'expired', reason = 'expired', settled_at = now()"
            " where id = (select min(id) from outbox.delivery)"
        )
        claiming = asyncio.create_task(claim(conn))
        await blocked(other, other, claiming)
        await transaction.commit()
        assert await claiming == []
    assert await standing(conn) == after


async def test_a_snoozed_head_keeps_its_lane_waiting(conn: Connection) -> None:
    """While the head of a lane is snoozed nothing behind it goes out, and the lane is due when the head is."""
    await queue(conn, ["anna"], each=2)
    assert await end(conn, await claim_one(conn), Snooze(HOUR, Reason.FLOOD))
    assert await claim(conn) == []
    assert await conn.fetchval(
        "select l.due_at = d.due_at and d.due_at between now() + interval '59 minutes' and now() + interval '1 hour'"
        " from outbox.lane l join outbox.delivery d on d.lane_id = l.id order by d.id limit 1"
    )
    assert await states(conn) == [("pending", "flood"), ("pending", None)]


async def test_a_failed_head_keeps_its_lane_waiting(conn: Connection) -> None:
    """While the head of a lane waits for its next attempt nothing overtakes it."""
    await queue(conn, ["anna"], each=2)
    head = await claim_one(conn)
    assert await end(conn, head, Retry(Reason.UNAVAILABLE), Policy(schedule=(HOUR,)))
    assert await claim(conn) == []
    await conn.execute("update outbox.lane set due_at = now()")
    again = await claim_one(conn)
    assert (again.delivery_id, again.attempts) == (head.delivery_id, 1)


async def test_a_dead_head_lets_the_next_go(conn: Connection) -> None:
    """A dead letter and a held delivery do not stop their lane."""
    await queue(conn, ["anna"], each=3)
    assert await end(conn, await claim_one(conn), Reject(Reason.BAD_MESSAGE))
    assert await end(conn, await claim_one(conn), Unknown(Reason.LOST_ANSWER), Policy(on_unknown="hold"))
    assert await end(conn, await claim_one(conn), Delivered())
    assert await states(conn) == [("dead", "bad_message"), ("unknown", "lost_answer"), ("sent", None)]


async def test_a_chats_pace_begins_after_its_burst(conn: Connection) -> None:
    """With a burst of three and one message an hour three go at once and the fourth an hour after the first."""
    await queue(conn, ["anna"], each=4)
    begin = await conn.fetchval("select clock_timestamp()")
    assert await end(conn, await claim_one(conn), Delivered(), every=HOUR, burst=3)
    first = await conn.fetchval("select clock_timestamp()")
    for _ in range(2):
        assert await standing(conn) == "due"
        assert await end(conn, await claim_one(conn), Delivered(), every=HOUR, burst=3)
    assert await standing(conn) == "waiting"
    due_at = await conn.fetchval("select due_at from outbox.lane")
    assert begin + HOUR <= due_at <= first + HOUR


async def test_a_chat_without_burst_waits_after_each(conn: Connection) -> None:
    """With a burst of one the next message goes one interval after the last."""
    await queue(conn, ["anna"], each=2)
    begin = await conn.fetchval("select clock_timestamp()")
    assert await end(conn, await claim_one(conn), Delivered(), every=HOUR)
    due_at = await conn.fetchval("select due_at from outbox.lane")
    assert begin + HOUR <= due_at <= await conn.fetchval("select clock_timestamp()") + HOUR


async def test_a_chats_pace_holds_for_what_comes_later(conn: Connection) -> None:
    """An idle lane whose chat has just got a message becomes due when the pace allows, not at once."""
    await queue(conn, ["anna"])
    assert await end(conn, await claim_one(conn), Delivered(), every=HOUR)
    assert await standing(conn) == "idle"
    await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await standing(conn) == "waiting"
    assert await conn.fetchval("select due_at = ready_at from outbox.lane")


async def test_a_blocked_chat_gets_nothing_more(conn: Connection) -> None:
    """When a chat turns out to be blocked its link says so and what waits behind is skipped for that reason."""
    await queue(conn, ["anna", "boris"], each=3)
    anna = next(one for one in await claim(conn) if one.recipient == "anna")
    recorded = await record.record(conn, [ended(anna, Reject(Reason.BLOCKED), link=LinkState.BLOCKED)])
    assert recorded.won == {anna.delivery_id}
    assert recorded.skipped == {"blocked": 2}
    rows = await conn.fetch("select recipient, state, reason from outbox.delivery order by recipient, id")
    assert [tuple(row) for row in rows] == [
        ("anna", "dead", "blocked"),
        ("anna", "skipped", "blocked"),
        ("anna", "skipped", "blocked"),
        ("boris", "sending", None),
        ("boris", "pending", None),
        ("boris", "pending", None),
    ]
    links = await conn.fetch("select recipient, state from outbox.telegram_link order by 1")
    assert [tuple(row) for row in links] == [("anna", "blocked"), ("boris", "active")]
    assert await conn.fetchval(
        "select due_at is null and lease_until is null from outbox.lane where recipient = 'anna'"
    )


async def test_a_migrated_chat_is_remembered(conn: Connection) -> None:
    """When a group has moved, the link names its new chat and the next message goes there."""
    await queue(conn, ["anna"], each=2)
    assert await end(conn, await claim_one(conn), Delivered(), migrate_to=-100_500)
    assert (await claim_one(conn)).chat_id == -100_500


async def test_a_chat_migrates_to_one_that_is_linked_already(conn: Connection) -> None:
    """A group that has moved to a chat which another recipient has linked does not stop the record."""
    await queue(conn, ["anna", "boris"])
    anna, boris = sorted(await claim(conn), key=lambda one: one.recipient)
    finishes = [ended(anna, Delivered(), migrate_to=boris.chat_id), ended(boris, Delivered())]
    recorded = await record.record(conn, finishes)
    assert recorded.won == {anna.delivery_id, boris.delivery_id}


async def test_an_ended_lease_is_taken_over_with_a_new_token(conn: Connection) -> None:
    """A lease that ended is taken over under a new token with what was being sent, and for a new lease."""
    await queue(conn, ["anna", "boris"])
    (lost,) = await claim(conn, 1, lease=OVER)
    (held,) = await claim(conn, 1)
    (taken,) = await lane.take_ended(conn, 10)
    assert (taken.delivery_id, taken.token, taken.attempts) == (lost.delivery_id, lost.token + 1, 0)
    assert (taken.event_id, taken.type, taken.recipient) == (lost.event_id, lost.type, lost.recipient)
    assert await lane.take_ended(conn, 10) == []
    assert await end(conn, held, Delivered())


async def test_a_lease_that_ended_over_nothing_is_given_back(conn: Connection) -> None:
    """An ended lease whose lane was sending nothing is released, and the lane is due for what waits."""
    await queue(conn, ["anna"])
    await conn.execute("update outbox.lane set due_at = null, lease_until = now(), token = 1")
    assert await lane.take_ended(conn, 10) == []
    assert await standing(conn) == "due"


async def test_a_lease_is_given_back_by_its_holder_only(conn: Connection) -> None:
    """Giving a lane back with a token that has moved on leaves it leased."""
    await queue(conn, ["anna"], each=2)
    claimed = await claim_one(conn)
    await lane.release(conn, [claimed.lane_id], [claimed.token - 1])
    assert await standing(conn) == "leased"
    await lane.release(conn, [claimed.lane_id], [claimed.token])
    assert await standing(conn) == "due"


async def test_waking_leaves_a_leased_lane_alone(conn: Connection) -> None:
    """A lane that is leased is not made due by what is added to it."""
    await queue(conn, ["anna"])
    claimed = await claim_one(conn)
    await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await standing(conn) == "leased"
    assert await end(conn, claimed, Delivered())
    assert await standing(conn) == "due"


async def test_waking_does_not_shorten_a_wait(conn: Connection) -> None:
    """What is added to a lane whose head waits for its next attempt does not make it due sooner."""
    await queue(conn, ["anna"])
    await end(conn, await claim_one(conn), Snooze(HOUR, Reason.FLOOD))
    await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await standing(conn) == "waiting"


async def test_next_due_says_how_long_to_wait(conn: Connection) -> None:
    """The wait for the next lane is nothing when one is due, its time when one waits, none when none does."""
    assert await lane.next_due(conn, Channel.TELEGRAM) is None
    await queue(conn, ["anna"])
    assert await lane.next_due(conn, Channel.TELEGRAM) == timedelta(0)
    assert await lane.next_due(conn, Channel.INAPP) is None
    await end(conn, await claim_one(conn), Snooze(HOUR, Reason.FLOOD))
    wait = await lane.next_due(conn, Channel.TELEGRAM)
    assert wait is not None
    assert timedelta(minutes=59) < wait <= HOUR


async def test_unfinished_is_what_a_run_waits_for(conn: Connection) -> None:
    """A run goes on for what is due, being sent or held back by its chat's pace, not for a backoff."""
    assert not await lane.unfinished(conn)
    await queue(conn, ["anna"], each=3)
    assert await lane.unfinished(conn)
    claimed = await claim_one(conn)
    assert await lane.unfinished(conn)
    await end(conn, claimed, Delivered(), every=HOUR)
    assert await lane.unfinished(conn)
    await conn.execute("update outbox.lane set due_at = now(), ready_at = now()")
    await end(conn, await claim_one(conn), Retry(Reason.UNAVAILABLE), Policy(schedule=(HOUR,)))
    assert not await lane.unfinished(conn)
