"""What is due, by type, and when the next one is."""

from datetime import timedelta

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Delivered, Reason, Retry, Snooze
from outbox.lane import due, lane_claim
from outbox.lane.due import Due
from tests.integration.runs import hurry
from tests.integration.test_lane import HOUR, claim_one, end, queue
from tests.integration.test_lane_share import fill


async def test_next_due_says_how_long_to_wait(conn: Connection) -> None:
    """The wait for the next lane is nothing when one is due, its time when one waits, none when none does."""
    assert (await due.look(conn, Channel.TELEGRAM, 1)).wait is None
    await queue(conn, ["anna"])
    assert (await due.look(conn, Channel.TELEGRAM, 1)).wait == timedelta(0)
    assert (await due.look(conn, Channel.INAPP, 1)).wait is None
    await end(conn, await claim_one(conn), Snooze(HOUR, Reason.FLOOD))
    wait = (await due.look(conn, Channel.TELEGRAM, 1)).wait
    assert wait is not None
    assert timedelta(minutes=59) < wait <= HOUR


async def test_unfinished_is_what_a_run_waits_for(conn: Connection) -> None:
    """A run goes on for what is due, being sent or held back by its chat's pace, not for a backoff."""
    assert not await lane_claim.unfinished(conn)
    await queue(conn, ["anna"], each=3)
    assert await lane_claim.unfinished(conn)
    claimed = await claim_one(conn)
    assert await lane_claim.unfinished(conn)
    await end(conn, claimed, Delivered(), every=HOUR)
    assert await lane_claim.unfinished(conn)
    await conn.execute("update outbox.lane set due_at = now(), ready_at = now() where due_at is not null")
    await end(conn, await claim_one(conn), Retry(Reason.UNAVAILABLE), Policy(schedule=(HOUR,)))
    assert not await lane_claim.unfinished(conn)


async def test_what_is_due_is_counted_by_type(conn: Connection) -> None:
    """Due lanes are counted by the type of their heads up to as many as asked for; urgent ones apart; no others."""
    await fill(conn, {"news": 30, "offers": 4, "later": 5, "alarms": 6})
    await conn.execute("update outbox.run set due_at = now() + interval '1 hour' where type = 'later'")
    await conn.execute("update outbox.run set urgent = true, type = '' where type = 'alarms'")
    await hurry(conn, "offers-1")
    assert await due.look(conn, Channel.TELEGRAM, 10) == Due(7, {"news": 10, "offers": 3}, timedelta(0))
    assert await due.look(conn, Channel.INAPP, 10) == Due(0, {}, None)


async def test_with_more_types_than_asked_for_each_counts_once(conn: Connection) -> None:
    """Where as many types are due as lanes are asked for, one of each is enough."""
    await fill(conn, {"a": 3, "b": 3, "c": 3})
    assert (await due.look(conn, Channel.TELEGRAM, 4)).types == {"a": 3, "b": 3, "c": 3}
    assert (await due.look(conn, Channel.TELEGRAM, 3)).types == {"a": 1, "b": 1, "c": 1}
