"""Lanes: claiming them, ending attempts, and what happens when two do so at once."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy, decide
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.event_log.event import emit
from outbox.lane import lane_claim, run
from outbox.lane.lane_claim import Claimed
from outbox.link.chat_state import LinkState
from outbox.recording import record
from outbox.recording.record import Finish
from tests.integration.runs import due_longer, end_leases, standing, states
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import link, relay_all

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


async def claim(conn: Connection, limit: int = 100, *, lease: timedelta = lane_claim.LEASE) -> list[Claimed]:
    """Claim Telegram lanes."""
    return await lane_claim.claim(conn, Channel.TELEGRAM, limit, lease=lease)


async def claim_one(conn: Connection, *, lease: timedelta = lane_claim.LEASE) -> Claimed:
    """Claim the only lane that is due."""
    (claimed,) = await claim(conn, lease=lease)
    return claimed


def ended(claimed: Claimed, outcome: Outcome, policy: Policy | None = None, **more: Any) -> Finish:
    """End an attempt as the worker does."""
    return Finish(claimed, outcome, decide(outcome, claimed.attempts, claimed.claimed_at, policy or Policy()), **more)


async def end(
    conn: Connection,
    claimed: Claimed,
    outcome: Outcome,
    policy: Policy | None = None,
    over: Collection[int] | None = None,
    **more: Any,
) -> bool:
    """Record the end of one attempt and say whether it won."""
    recorded = await record.record(conn, [ended(claimed, outcome, policy, **more)], over)
    return claimed.delivery_id in recorded.won


# pg_stat_activity would be as it was when this transaction looked at it first
WAITS = "select exists (select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))"


async def blocked(conn: Connection, task: asyncio.Task[Any]) -> None:
    """Wait until somebody waits for a lock that this connection's transaction holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await conn.fetchval(WAITS):
            assert not task.done()


async def test_a_claim_takes_the_head_of_each_lane(conn: Connection) -> None:
    """A claim leases each due lane and takes its oldest delivery; the others wait."""
    await queue(conn, ["anna", "boris"], each=2)
    claimed = await claim(conn)
    heads = await conn.fetch("select min(id) as id from outbox.delivery group by lane_id")
    assert {one.delivery_id for one in claimed} == {row["id"] for row in heads}
    leases = await conn.fetch("select id, lease_until > now() as held from outbox.run")
    assert [tuple(row) for row in leases] == [(claimed[0].token, True)]
    assert claimed[1].token == claimed[0].token
    assert [state for state, _ in await states(conn)] == ["sending", "sending", "pending", "pending"]
    assert [await standing(conn, "anna"), await standing(conn, "boris")] == ["leased", "leased"]


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
    await due_longer(conn, ["boris", "clara"])
    assert {one.recipient for one in await claim(conn, 2)} == {"boris", "clara"}


async def test_a_leased_lane_is_not_claimed_again(conn: Connection) -> None:
    """A lane that somebody holds gives nothing to anybody else, though it has more waiting."""
    await queue(conn, ["anna"], each=2)
    await claim_one(conn)
    assert await claim(conn) == []


async def test_a_stale_token_writes_nothing(conn: Connection, other: Connection) -> None:
    """Who has lost the lease writes neither delivery nor attempt nor link nor lane, and is told so."""
    await queue(conn, ["anna"], each=2)
    lost = await claim_one(conn, lease=OVER)
    (taken,) = await run.take_ended(other, 10)
    assert not await end(conn, lost, Reject(Reason.BLOCKED), link=LinkState.BLOCKED, migrate_to=7, every=HOUR)
    assert [state for state, _ in await states(conn)] == ["sending", "pending"]
    assert await conn.fetchval("select count(*) from outbox.attempt") == 0
    assert await conn.fetchval("select (state, chat_id) = ('active', 1000) from outbox.telegram_link")
    assert await conn.fetchval("select paced_until = '-infinity' from outbox.lane")
    assert await standing(conn) == "leased"
    assert await end(other, taken, Delivered())


async def test_an_end_taken_over_while_it_is_written(conn: Connection, other: Connection) -> None:
    """A record that waits for the lane while its ended lease is taken over loses."""
    await queue(conn, ["anna"])
    late = await claim_one(conn, lease=OVER)
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        (taken,) = await run.take_ended(conn, 10)
        recording = asyncio.create_task(end(other, late, Delivered()))
        await blocked(conn, recording)
        await transaction.commit()
        assert not await recording
    assert [state for state, _ in await states(conn)] == ["sending"]
    assert await end(conn, taken, Delivered())


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


async def test_an_ended_lease_is_taken_over_with_a_new_token(conn: Connection) -> None:
    """A lease that ended is taken over under a new token with what was being sent, and for a new lease."""
    await queue(conn, ["anna", "boris"])
    (lost,) = await claim(conn, 1, lease=OVER)
    (held,) = await claim(conn, 1)
    (taken,) = await run.take_ended(conn, 10)
    assert (taken.delivery_id, taken.attempts) == (lost.delivery_id, 0)
    assert taken.token not in (lost.token, held.token)
    assert (taken.event_id, taken.type, taken.recipient) == (lost.event_id, lost.type, lost.recipient)
    assert await run.take_ended(conn, 10) == []
    assert await end(conn, held, Delivered())


async def test_a_run_of_which_nothing_is_left_goes(conn: Connection) -> None:
    """An ended lease under which nothing is being sent any more goes, and leaves its lane where it stands."""
    await queue(conn, ["anna"], each=2)
    assert await end(conn, await claim_one(conn), Delivered(), over=())
    assert await conn.fetchval("select count(*) from outbox.run") == 2
    await end_leases(conn)
    assert await run.take_ended(conn, 10) == []
    assert await conn.fetchval("select count(*) from outbox.run") == 1
    assert await standing(conn) == "due"


async def test_a_stale_token_gives_no_lane_back(conn: Connection) -> None:
    """An end under a token that has moved on leaves the lane leased, also where it says no more than delivered."""
    await queue(conn, ["anna"], each=2)
    claimed = await claim_one(conn)
    assert not await end(conn, replace(claimed, token=claimed.token - 1), Delivered())
    assert await standing(conn) == "leased"
    assert await end(conn, claimed, Delivered())
    assert await standing(conn) == "due"
