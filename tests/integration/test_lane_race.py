"""Claims, ends and the relay at the same lane at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from outbox.database.connection import Connection, Pool, connect
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Delivered, Reason
from outbox.event_log.event import emit
from outbox.lane import digest, due, lane_claim, lane_skip, lane_wake
from outbox.lane.lane_claim import Claimed
from outbox.relay import fan_out
from tests.integration.runs import due_longer, standing, states
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import ROUTES, link, relay_all
from tests.integration.test_lane import blocked, claim, claim_one, end, queue


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Connection]:
    """Connect a second time."""
    opened = await connect(database_url)
    yield opened
    await opened.close()


async def test_a_claim_waits_for_nobody(conn: Connection, other: Connection) -> None:
    """What an open transaction has claimed is passed over, the others are claimed."""
    await queue(conn, ["anna", "boris", "clara"])
    await due_longer(conn, [])
    async with other.transaction():
        first = await claim(other, 2)
        second = await claim(conn)
    assert len(first) == 2
    assert {one.recipient for one in first} | {one.recipient for one in second} == {"anna", "boris", "clara"}
    assert len(second) == 1


async def test_a_claim_takes_no_more_runs_than_it_needs(conn: Connection, other: Connection) -> None:
    """Of many runs that wait a claim holds those alone that it takes from, and nobody else finds nothing."""
    people = [f"user-{number}" for number in range(30)]
    await queue(conn, people)
    await due_longer(conn, [])
    async with other.transaction():
        first = await claim(other, 3)
        second = await claim(conn, 30)
    assert (len(first), len(second)) == (3, 27)


async def test_two_claimers_never_get_the_same_lane(conn: Connection, pool: Pool) -> None:
    """Claims that run at once share the lanes among them, each lane once."""
    await queue(conn, [f"user-{number}" for number in range(200)])

    async def worker() -> list[Claimed]:
        async with pool.acquire() as mine:
            got: list[Claimed] = []
            while (await due.look(mine, Channel.TELEGRAM, 1)).wait is not None:
                got += await claim(mine, 7)
            return got

    claimed = [one for got in await asyncio.gather(*(worker() for _ in range(4))) for one in got]
    assert len(claimed) == 200
    assert len({one.lane_id for one in claimed}) == 200
    assert len({one.delivery_id for one in claimed}) == 200


async def test_an_event_added_while_its_lane_goes_idle(conn: Connection, other: Connection) -> None:
    """A delivery that the relay adds while the lane's last attempt is being recorded is not forgotten."""
    await queue(conn, ["anna"])
    last = await claim_one(conn)
    await emit(conn, "login.code", ["anna"])
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        assert await end(conn, last, Delivered())
        assert await standing(conn) == "idle"
        adding = asyncio.create_task(fan_out.step(other, ROUTES))
        await blocked(conn, adding)
        await transaction.commit()
        await adding
    assert await standing(conn) == "due"


async def test_a_lane_goes_idle_while_an_event_is_added(conn: Connection, other: Connection) -> None:
    """An attempt recorded while the relay adds to its lane waits for the relay and finds the new delivery."""
    await queue(conn, ["anna"])
    last = await claim_one(conn)
    await emit(conn, "login.code", ["anna"])
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        batch = await fan_out.step(conn, ROUTES)
        assert batch is not None
        assert batch.deliveries == 1
        recording = asyncio.create_task(end(other, last, Delivered()))
        await blocked(conn, recording)
        await transaction.commit()
        assert await recording
    assert await standing(conn) == "due"


@pytest.mark.parametrize(("behind", "after"), [(1, "due"), (0, "idle")])
async def test_a_claim_whose_head_is_gone_gives_the_lane_back(
    conn: Connection, other: Connection, behind: int, after: str
) -> None:
    """A claim waits for nobody who ends a head; once it is gone the lane is due for its next, or idle."""
    await queue(conn, ["anna"], each=1 + behind)
    async with asyncio.timeout(PATIENCE_S), other.transaction():
        await other.execute(
            "update outbox.delivery set state = 'expired', reason = 'expired', settled_at = now()"
            " where id = (select min(id) from outbox.delivery)"
        )
        assert await claim(conn) == []
        assert await standing(conn) == "due"
    assert await claim(conn) == []
    assert await standing(conn) == after
    assert len(await claim(conn)) == behind


async def skip(conn: Connection) -> int:
    """Skip what waits for anna, as whoever ends her link does."""
    async with conn.transaction():
        lanes = await lane_skip.lock_lanes(conn, Channel.TELEGRAM, ["anna"])
        skipped = await lane_skip.skip(conn, dict.fromkeys(lanes.values(), Reason.NO_LINK))
        await lane_wake.requeue(conn, list(lanes.values()))
    return skipped.total()


async def test_a_claim_finds_what_is_being_skipped(conn: Connection, other: Connection) -> None:
    """Who skips first wins: a claim that comes before the commit passes the lane on, and nothing is sent."""
    await queue(conn, ["anna", "boris"], each=2)
    await due_longer(conn, [])
    async with asyncio.timeout(PATIENCE_S), other.transaction():
        assert await skip(other) == 2
        assert [one.recipient for one in await claim(conn)] == ["boris"]
    assert await states(conn) == [("skipped", "no_link"), ("sending", None), ("skipped", "no_link"), ("pending", None)]
    assert await standing(conn, "anna") == "idle"
    assert not await conn.fetchval("select exists (select from outbox.run where lease_until is null)")


async def test_a_claim_that_is_first_is_left_alone(conn: Connection, other: Connection) -> None:
    """Who claims first wins: whoever skips waits for the claim and skips only what is behind the head."""
    await queue(conn, ["anna"], each=2)
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        head = await claim_one(conn)
        skipping = asyncio.create_task(skip(other))
        await blocked(conn, skipping)
        await transaction.commit()
        assert await skipping == 1
    assert await states(conn) == [("sending", None), ("skipped", "no_link")]
    assert await end(conn, head, Delivered())
    assert await standing(conn) == "idle"


async def test_an_end_waits_for_who_skips(conn: Connection, other: Connection) -> None:
    """An attempt that ends while somebody skips what is behind it is recorded, and its lane is idle then."""
    await queue(conn, ["anna"], each=3)
    head = await claim_one(conn)
    async with asyncio.timeout(PATIENCE_S):
        transaction = other.transaction()
        await transaction.start()
        assert await skip(other) == 2
        recording = asyncio.create_task(end(conn, head, Delivered()))
        await blocked(other, recording)
        await transaction.commit()
        assert await recording
    assert await states(conn) == [("sent", None), ("skipped", "no_link"), ("skipped", "no_link")]
    # it has gone on to what was skipped meanwhile, and a claim passes it on
    assert await claim(conn) == []
    assert await standing(conn) == "idle"


async def test_who_skips_waits_for_an_end(conn: Connection, other: Connection) -> None:
    """Whoever skips while an attempt ends waits for that, and then skips all that is left."""
    await queue(conn, ["anna"], each=2)
    head = await claim_one(conn)
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        assert await end(conn, head, Delivered())
        skipping = asyncio.create_task(skip(other))
        await blocked(conn, skipping)
        await transaction.commit()
        assert await skipping == 1
    assert await states(conn) == [("sent", None), ("skipped", "no_link")]
    assert await claim(conn) == []
    assert await standing(conn) == "idle"


async def test_a_message_carries_nothing_that_is_being_skipped(conn: Connection, other: Connection) -> None:
    """A message that would take along what somebody skips waits for that, and takes nothing."""
    await queue(conn, ["anna"], each=2)
    head = await claim_one(conn)
    following = await digest.following(conn, head, ["login.code"], 3, 3)
    assert len(following) == 1
    async with asyncio.timeout(PATIENCE_S):
        transaction = other.transaction()
        await transaction.start()
        assert await skip(other) == 1
        carrying = asyncio.create_task(digest.carry(conn, head, following))
        await blocked(other, carrying)
        await transaction.commit()
        assert not await carrying
    assert await states(conn) == [("sending", None), ("skipped", "no_link")]


async def test_who_skips_leaves_what_a_message_carries(conn: Connection, other: Connection) -> None:
    """Whoever skips while a message takes along what follows its head waits for that, and leaves it alone."""
    await queue(conn, ["anna"], each=3)
    head = await claim_one(conn)
    following = await digest.following(conn, head, ["login.code"], 1, 1)
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        assert await digest.carry(conn, head, following)
        skipping = asyncio.create_task(skip(other))
        await blocked(conn, skipping)
        await transaction.commit()
        assert await skipping == 1
    assert await states(conn) == [("sending", None), ("sending", None), ("skipped", "no_link")]


async def hurried(conn: Connection) -> bool:
    """Tell whether anna's lane stands in an urgent run."""
    return bool(
        await conn.fetchval(
            "select bool_or(r.urgent) from outbox.run r join outbox.lane l on l.id = any(r.lanes)"
            " where l.recipient = 'anna' and r.lease_until is null"
        )
    )


async def test_what_is_urgent_hurries_a_lane_among_others(conn: Connection) -> None:
    """An urgent message to somebody who stands among others in a run takes the lane out of it, with its head."""
    people = [f"user-{number}" for number in range(300)]
    await link(conn, [*people, "anna"])
    await emit(conn, "news.weekly", [*people[:100], "anna", *people[100:]])
    await relay_all(conn)
    await emit(conn, "pay.code", ["anna"])
    await relay_all(conn)
    assert await hurried(conn)
    assert await conn.fetchval("select sum(cardinality(lanes)) from outbox.run") == 301
    (first,) = await lane_claim.claim_shares(conn, Channel.TELEGRAM, {}, urgent=5)
    assert (first.recipient, first.type) == ("anna", "news.weekly")
    assert await end(conn, first, Delivered())
    (second,) = await lane_claim.claim_shares(conn, Channel.TELEGRAM, {}, urgent=5)
    assert (second.recipient, second.type) == ("anna", "pay.code")


async def test_what_is_urgent_waits_for_an_end(conn: Connection, other: Connection) -> None:
    """An urgent message that comes while an attempt ends hurries the lane, which has gone on to an ordinary one."""
    await link(conn, ["anna"])
    await emit(conn, "news.weekly", ["anna"])
    await emit(conn, "news.weekly", ["anna"])
    await relay_all(conn)
    head = await claim_one(conn)
    await emit(conn, "pay.code", ["anna"])
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        assert await end(conn, head, Delivered())
        adding = asyncio.create_task(fan_out.step(other, ROUTES))
        await blocked(conn, adding)
        await transaction.commit()
        await adding
    assert await hurried(conn)


async def test_an_end_learns_what_is_urgent(conn: Connection, other: Connection) -> None:
    """An attempt that ends while the relay adds something urgent waits for that, and its lane goes on as urgent."""
    await link(conn, ["anna"])
    await emit(conn, "news.weekly", ["anna"])
    await emit(conn, "news.weekly", ["anna"])
    await relay_all(conn)
    head = await claim_one(conn)
    await emit(conn, "pay.code", ["anna"])
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        await fan_out.step(conn, ROUTES)
        recording = asyncio.create_task(end(other, head, Delivered()))
        await blocked(conn, recording)
        await transaction.commit()
        assert await recording
    assert await hurried(conn)


async def test_what_is_urgent_waits_for_a_claim(conn: Connection, other: Connection) -> None:
    """An urgent message that comes while its lane is being claimed leaves it there, and what is next goes as urgent."""
    await link(conn, ["anna"])
    await emit(conn, "news.weekly", ["anna"])
    await emit(conn, "news.weekly", ["anna"])
    await relay_all(conn)
    await emit(conn, "pay.code", ["anna"])
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        head = await claim_one(conn)
        adding = asyncio.create_task(fan_out.step(other, ROUTES))
        await blocked(conn, adding)
        await transaction.commit()
        await adding
    assert not await hurried(conn)
    assert await end(conn, head, Delivered())
    assert await hurried(conn)


async def test_a_claim_while_a_lane_is_hurried(conn: Connection, other: Connection) -> None:
    """A claim takes no lane that is being hurried, and finds it in its urgent run afterwards."""
    await link(conn, ["anna", "boris"])
    await emit(conn, "order.call", ["boris"])
    await emit(conn, "news.weekly", ["anna"])
    await relay_all(conn)
    await emit(conn, "pay.code", ["anna"])
    async with asyncio.timeout(PATIENCE_S), other.transaction():
        await fan_out.step(other, ROUTES)
        assert [one.recipient for one in await claim(conn)] == ["boris"]
    assert [(one.recipient, one.urgent) for one in await claim(conn)] == [("anna", True)]
