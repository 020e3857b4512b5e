"""Urgent lanes: which are, since when and how long, and that urgency moves a lane and nothing within it."""

import asyncio

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Delivered, Reason, Snooze
from outbox.event_log.event import emit
from outbox.lane import lane_claim
from outbox.relay import fan_out
from tests.integration.runs import lanes
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import ROUTES, link, relay_all
from tests.integration.test_lane import HOUR, blocked, claim_one, end

NEWS, CODE = "news.weekly", "pay.code"


async def send(conn: Connection, *types: str, to: str = "anna") -> None:
    """Emit one event of each type to one recipient, and relay them."""
    for type_ in types:
        await emit(conn, type_, [to])
    await relay_all(conn)


async def test_a_new_lane_is_as_urgent_as_what_it_gets(conn: Connection) -> None:
    """A lane that is born with an urgent delivery is urgent, one that is born with another is not."""
    await link(conn, ["anna", "boris"])
    await send(conn, CODE)
    await send(conn, NEWS, to="boris")
    assert await lanes(conn) == [("anna", CODE, True), ("boris", NEWS, False)]
    rows = await conn.fetch("select recipient, urgent from outbox.delivery order by 1")
    assert [tuple(row) for row in rows] == [("anna", True), ("boris", False)]


async def test_an_idle_lane_is_as_urgent_as_what_wakes_it(conn: Connection) -> None:
    """An idle lane takes the type of the first delivery that wakes it and is urgent if one of them is."""
    await link(conn, ["anna"])
    await send(conn, CODE)
    await end(conn, await claim_one(conn), Delivered())
    assert await lanes(conn) == [("anna", "", False)]
    await send(conn, NEWS, CODE)
    assert await lanes(conn) == [("anna", NEWS, True)]


async def test_what_waits_becomes_urgent_by_what_comes_behind(conn: Connection) -> None:
    """A lane that is due becomes urgent when it gets an urgent delivery, and its head stays its head."""
    await link(conn, ["anna"])
    await send(conn, NEWS)
    await send(conn, "order.call", CODE)
    assert await lanes(conn) == [("anna", NEWS, True)]


async def test_a_snoozed_lane_becomes_urgent_no_sooner(conn: Connection) -> None:
    """An urgent delivery does not shorten its lane's wait: order and the chat's pace come first."""
    await link(conn, ["anna"])
    await send(conn, NEWS)
    await end(conn, await claim_one(conn), Snooze(HOUR, Reason.FLOOD))
    await send(conn, CODE)
    assert await lanes(conn) == [("anna", NEWS, True)]
    assert await lane_claim.claim(conn, Channel.TELEGRAM, 10) == []


async def test_a_skipped_delivery_hurries_nobody(conn: Connection) -> None:
    """A delivery that is born skipped gives its lane neither a type nor urgency, also in a lane that is due."""
    await send(conn, CODE)
    assert await lanes(conn) == [("anna", "", False)]
    await link(conn, ["anna"])
    await send(conn, NEWS)
    await conn.execute("insert into outbox.preference values ('anna', 'security', 'telegram', false)")
    await send(conn, CODE)
    assert await lanes(conn) == [("anna", NEWS, False)]


async def test_a_leased_lane_becomes_urgent(conn: Connection) -> None:
    """A lane that gets an urgent delivery while it is leased is urgent when its attempt has ended."""
    await link(conn, ["anna"])
    await send(conn, NEWS)
    claimed = await claim_one(conn)
    await send(conn, "order.call", CODE)
    assert await end(conn, claimed, Delivered())
    assert await lanes(conn) == [("anna", "order.call", True)]


async def test_what_is_added_while_an_attempt_ends_is_urgent(conn: Connection, database_url: str) -> None:
    """An end that waits for the relay's lock finds the urgent delivery that the relay has added."""
    other = await connect(database_url)
    await link(conn, ["anna"])
    await send(conn, NEWS)
    last = await claim_one(conn)
    await emit(conn, CODE, ["anna"])
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        await fan_out.step(conn, ROUTES)
        recording = asyncio.create_task(end(other, last, Delivered()))
        await blocked(conn, recording)
        await transaction.commit()
        assert await recording
    await other.close()
    assert await lanes(conn) == [("anna", CODE, True)]


async def test_a_lane_stays_urgent_until_its_last_urgent_delivery(conn: Connection) -> None:
    """A lane is urgent as long as something urgent waits in it, and its head's type goes with its head."""
    await link(conn, ["anna"])
    await send(conn, CODE, NEWS, CODE, NEWS)
    seen = []
    while claimed := await lane_claim.claim(conn, Channel.TELEGRAM, 1):
        assert await end(conn, claimed[0], Delivered())
        seen += [(type_, urgent) for _, type_, urgent in await lanes(conn)]
    assert seen == [(NEWS, True), (CODE, True), (NEWS, False), ("", False)]


async def test_urgency_keeps_the_order_of_a_lane(conn: Connection) -> None:
    """A code behind three messages to the same person makes them go before everybody else's, and goes after them."""
    people = [f"user-{number}" for number in range(20)]
    await link(conn, [*people, "anna"])
    await emit(conn, NEWS, people)
    await send(conn, NEWS, NEWS, NEWS, CODE)
    took = []
    for _ in range(5):
        (claimed,) = await lane_claim.claim(conn, Channel.TELEGRAM, 1)
        took.append((claimed.recipient == "anna", claimed.type, claimed.urgent))
        assert await end(conn, claimed, Delivered())
    assert took == [(True, NEWS, True)] * 3 + [(True, CODE, True), (False, NEWS, False)]


async def test_a_code_behind_a_broadcast_goes_next(conn: Connection) -> None:
    """A code for one person, emitted behind a broadcast to 2,000 others of which ten are sent, goes next."""
    people = [f"user-{number}" for number in range(2_000)]
    await link(conn, [*people, "anna"])
    await emit(conn, NEWS, people)
    await relay_all(conn)
    for _ in range(10):
        (claimed,) = await lane_claim.claim(conn, Channel.TELEGRAM, 1)
        assert await end(conn, claimed, Delivered())
    await send(conn, CODE)
    (claimed,) = await lane_claim.claim(conn, Channel.TELEGRAM, 1)
    assert (claimed.recipient, claimed.type) == ("anna", CODE)


async def test_urgent_budget_is_for_urgent_lanes(conn: Connection) -> None:
    """Urgent budget claims no other lane, and a share claims no urgent one, whatever is at its head."""
    await link(conn, ["anna", "boris", "clara"])
    await emit(conn, NEWS, ["anna", "boris", "clara"])
    await send(conn, CODE)
    urgent = await lane_claim.claim_shares(conn, Channel.TELEGRAM, {}, urgent=3)
    assert [(one.recipient, one.type, one.urgent) for one in urgent] == [("anna", NEWS, True)]
    assert await end(conn, urgent[0], Delivered())
    others = await lane_claim.claim_shares(conn, Channel.TELEGRAM, {NEWS: 3, CODE: 3})
    assert sorted((one.recipient, one.urgent) for one in others) == [("boris", False), ("clara", False)]
