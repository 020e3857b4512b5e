"""Erasing a person while everybody goes on about them."""

import asyncio
from collections.abc import Awaitable, Callable

from inapp import reading
from outbox import event, preference, proof, relay
from outbox.channel import Channel
from outbox.database import Connection, Pool
from tests.integration.test_forget import ID, LONG_AGO, ROUTES

ROUNDS = 200


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


async def forget(conn: Connection) -> None:
    """Erase the person."""
    await conn.execute("select outbox.forget($1)", ID)


async def test_nobody_waits_for_another_in_a_circle(conn: Connection, pool: Pool) -> None:
    """Emits, the relay, two readers and two who forget go on side by side: no deadlock, and everything adds up."""

    async def again(work: Callable[[Connection], Awaitable[None]]) -> None:
        async with pool.acquire() as mine:
            for _ in range(ROUNDS):
                await work(mine)

    await asyncio.gather(*(again(work) for work in (emit, fan_out, read_all, read_all, choose, forget, forget)))
    # what the last window held, and what was written meanwhile
    await fan_out(conn)
    await fan_out(conn)
    found = await proof.prove(conn, LONG_AGO)
    assert found.holds
    assert found.events == ROUNDS
    drift = """
    select count(*) from outbox.inbox i where unread <>
    (select count(*) from outbox.notification n where n.recipient = i.recipient and n.read_at is null)
    """
    assert await conn.fetchval(drift) == 0
