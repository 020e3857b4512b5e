"""Claims, ends and the relay at the same lane at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from outbox import due, relay
from outbox.channel import Channel
from outbox.database import Connection, Pool, connect
from outbox.event import emit
from outbox.lane import Claimed
from outbox.outcome import Delivered
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import ROUTES
from tests.integration.test_lane import blocked, claim, claim_one, end, queue, standing


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Connection]:
    """Connect a second time."""
    opened = await connect(database_url)
    yield opened
    await opened.close()


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
        adding = asyncio.create_task(relay.step(other, ROUTES))
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
        batch = await relay.step(conn, ROUTES)
        assert batch is not None
        assert batch.deliveries == 1
        recording = asyncio.create_task(end(other, last, Delivered()))
        await blocked(conn, recording)
        await transaction.commit()
        assert await recording
    assert await standing(conn) == "due"


@pytest.mark.parametrize(("waiting", "after"), [(2, "due"), (1, "idle")])
async def test_a_claim_whose_head_is_gone_gives_the_lane_back(
    conn: Connection, other: Connection, waiting: int, after: str
) -> None:
    """A claim whose head was settled between its look and its lock leaves the lane due for its next, or idle."""
    await queue(conn, ["anna"], each=waiting)
    async with asyncio.timeout(PATIENCE_S):
        transaction = other.transaction()
        await transaction.start()
        await other.execute(
            "update outbox.delivery set state = 'expired', reason = 'expired', settled_at = now()"
            " where id = (select min(id) from outbox.delivery)"
        )
        claiming = asyncio.create_task(claim(conn))
        await blocked(other, claiming)
        await transaction.commit()
        assert await claiming == []
    assert await standing(conn) == after
