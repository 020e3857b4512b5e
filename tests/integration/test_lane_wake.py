"""Wake-ups: what makes a lane due."""

from outbox.database.connection import Connection
from outbox.delivery.outcome import Delivered, Reason, Reject, Snooze
from outbox.event_log.event import emit
from outbox.lane import lane_wake
from tests.integration.runs import lanes, standing
from tests.integration.test_fan_out import link, relay_all
from tests.integration.test_lane import HOUR, claim_one, end, queue


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


PUT_BACK = (
    "update outbox.delivery set state = 'pending', reason = null, settled_at = null, back = true where state = 'dead'"
)


async def lane_now(conn: Connection) -> tuple[str, str, bool]:
    """Say where the only lane stands, the type of its head and whether it is urgent."""
    ((_, type_, urgent),) = await lanes(conn)
    return (await standing(conn), type_, urgent)


async def die(conn: Connection, type_: str) -> None:
    """Let a message of that type die."""
    await link(conn, ["anna"])
    await emit(conn, type_, ["anna"])
    await relay_all(conn)
    assert await end(conn, await claim_one(conn), Reject(Reason.BAD_MESSAGE))


async def test_what_comes_back_makes_its_lane_due(conn: Connection) -> None:
    """A delivery that comes back into an idle lane makes it due, with its type and its urgency."""
    await die(conn, "pay.code")
    assert await lane_now(conn) == ("idle", "", False)
    await conn.execute(PUT_BACK)
    await lane_wake.requeue(conn, await ids(conn))
    assert await lane_now(conn) == ("due", "pay.code", True)


async def test_what_comes_back_goes_before_what_waits(conn: Connection) -> None:
    """A delivery that comes back before the head of a lane is its head, and is not held up by the other's wait."""
    await die(conn, "pay.code")
    await emit(conn, "news.weekly", ["anna"])
    await relay_all(conn)
    assert await end(conn, await claim_one(conn), Snooze(HOUR, Reason.FLOOD))
    assert await lane_now(conn) == ("waiting", "news.weekly", False)
    await conn.execute(PUT_BACK)
    await lane_wake.requeue(conn, await ids(conn))
    assert await lane_now(conn) == ("due", "pay.code", True)


async def test_what_comes_back_into_a_leased_lane_waits_for_it(conn: Connection) -> None:
    """A lane that is leased while a delivery comes back stays leased, and is due for it when its attempt ends."""
    await die(conn, "pay.code")
    await emit(conn, "news.weekly", ["anna"])
    await relay_all(conn)
    claimed = await claim_one(conn)
    await conn.execute(PUT_BACK)
    await lane_wake.requeue(conn, await ids(conn))
    assert await standing(conn) == "leased"
    assert await end(conn, claimed, Delivered())
    assert await lane_now(conn) == ("due", "pay.code", True)


async def test_a_lane_without_anything_stays_idle(conn: Connection) -> None:
    """A lane in which nothing waits is idle after it was looked at too, and so is one that was due for nothing."""
    await die(conn, "pay.code")
    await conn.execute("update outbox.lane set due_at = now(), last_urgent = 1000")
    await lane_wake.requeue(conn, await ids(conn))
    assert await lane_now(conn) == ("idle", "", False)


async def ids(conn: Connection) -> list[int]:
    """List all lanes."""
    return [row["id"] for row in await conn.fetch("select id from outbox.lane")]
