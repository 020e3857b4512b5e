"""Erasing a person while everybody goes on about them."""

import asyncio
from collections.abc import Awaitable, Callable

from inapp import reading
from outbox.cursor import snapshot_cursor
from outbox.database.connection import Connection, Pool
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.link import chat_link
from outbox.link.chat_link import How
from outbox.person import forgotten, preference
from outbox.proof import completeness
from outbox.relay import fan_out as relay
from tests.integration.test_forget import ID, LONG_AGO, ROUTES
from tests.integration.test_lane import blocked

ROUNDS = 200
CHAT = 17


async def emit(conn: Connection) -> None:
    """Write to the person and to another."""
    await event.emit(conn, "t", [ID, "bob"], {"text": f"to {ID}"})


async def fan_out(conn: Connection) -> None:
    """Relay what there is."""
    await relay.step(conn, ROUTES)


async def read_all(conn: Connection) -> None:
    """Read everything."""
    await reading.read_all(conn, ID)


async def choose(conn: Connection) -> None:
    """Switch a category off."""
    await preference.switch(conn, ID, "muted", Channel.TELEGRAM, enabled=False)


async def connect(conn: Connection) -> None:
    """Link a chat to the person, and then to another."""
    await chat_link.connect(conn, ID, CHAT, How.IMPORT)
    await chat_link.connect(conn, "bob", CHAT, How.IMPORT)


async def forget_by_sql(conn: Connection) -> None:
    """Erase the person as the application does."""
    await conn.execute("select outbox.forget($1)", ID)


async def forget(conn: Connection) -> None:
    """Erase the person as the command does."""
    await forgotten.forget(conn, ID)


async def test_nobody_waits_for_another_in_a_circle(conn: Connection, pool: Pool) -> None:
    """Emits, the relay, readers, who links and who forgets go on side by side: no deadlock, and everything adds up."""

    async def again(work: Callable[[Connection], Awaitable[None]]) -> None:
        async with pool.acquire() as mine:
            for _ in range(ROUNDS):
                await work(mine)

    side_by_side = (emit, fan_out, read_all, read_all, choose, connect, forget_by_sql, forget)
    await asyncio.gather(*(again(work) for work in side_by_side))
    # what the last window held, and what was written meanwhile
    await fan_out(conn)
    await fan_out(conn)
    found = await completeness.prove(conn, LONG_AGO)
    assert found.holds
    # who loses a chat is told by an event of our own, which is in no route here
    assert found.events - found.unrouted == ROUNDS
    drift = """
    select count(*) from outbox.inbox i where unread <>
    (select count(*) from outbox.notification n where n.recipient = i.recipient and n.read_at is null)
    """
    assert await conn.fetchval(drift) == 0


async def test_whoever_waits_for_the_relay_holds_no_lane(conn: Connection, pool: Pool) -> None:
    """The command waits until the relay has ended, which may write to the person meanwhile; it counts all of that."""
    await chat_link.connect(conn, ID, CHAT, How.IMPORT)
    for _ in range(2):
        await emit(conn)
    await fan_out(conn)
    assert [one.recipient for one in await lane_claim.claim(conn, Channel.TELEGRAM, 1)] == [ID]
    await emit(conn)
    async with pool.acquire() as other:
        async with conn.transaction():
            await snapshot_cursor.lock(conn)
            forgetting = asyncio.create_task(forgotten.forget(other, ID))
            await blocked(conn, forgetting)
            await fan_out(conn)
        assert await forgetting == 3
