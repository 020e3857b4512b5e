"""Pruning while everybody goes on."""

import asyncio
from collections.abc import Awaitable, Callable

from inapp import reading
from outbox.cursor import consumer
from outbox.database.connection import Connection, Pool
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Delivered
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.proof import completeness
from outbox.prune.event_prune import Ages, cutoff, prune
from outbox.recording import record
from outbox.relay import fan_out as relay
from tests.integration.lane_model import Ending, finish
from tests.integration.test_forget import ID, LONG_AGO, ROUTES
from tests.integration.test_prune import AT_ONCE, HOUR

ROUNDS = 100
KEYS = 5
DRIFT = """
select count(*) from outbox.inbox i where unread <>
(select count(*) from outbox.notification n where n.recipient = i.recipient and n.read_at is null)
"""
HALF_GONE = """
select count(*) from outbox.batch b, unnest(b.events) r, generate_series(lower(r), upper(r) - 1) n (id)
where not exists (select from outbox.event e where e.id = n.id)
"""


async def emit(conn: Connection, number: int) -> None:
    """Write to the person and to another, now and then under a key that was used before."""
    await event.emit(conn, "t", [ID, "bob"], {"text": f"to {ID}"}, dedupe_key=f"key-{number % KEYS}")
    await event.emit(conn, "t", [ID, "bob"], {"text": "hello"})


async def fan_out(conn: Connection, _number: int) -> None:
    """Relay what there is."""
    await relay.step(conn, ROUTES)


async def deliver(conn: Connection, _number: int) -> None:
    """Deliver what is due."""
    claimed = await lane_claim.claim(conn, Channel.TELEGRAM, 10)
    await record.record(conn, [finish(one, Ending(Delivered(7)), Policy()) for one in claimed])


async def read_all(conn: Connection, _number: int) -> None:
    """Read everything."""
    await reading.read_all(conn, ID)


async def forget(conn: Connection, number: int) -> None:
    """Erase the person, who is linked anew at once."""
    await conn.execute("select outbox.forget($1)", ID)
    await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ($1, $2)", ID, 1000 + number)


async def consume(conn: Connection, _number: int) -> None:
    """Read the log as somebody else does."""
    handed = await consumer.pull(conn, "billing", 7, HOUR)
    if handed.batch is not None:
        await consumer.ack(conn, "billing", handed.batch)


async def tidy(conn: Connection, _number: int) -> None:
    """Take away what is at its end."""
    await prune(conn, await cutoff(conn, Ages(AT_ONCE, AT_ONCE)))


async def test_nobody_loses_anything_to_it(conn: Connection, pool: Pool) -> None:
    """Emits, relay, workers, readers, consumers, erasures and two runs go on side by side, and everything adds up."""

    async def again(work: Callable[[Connection, int], Awaitable[None]]) -> None:
        async with pool.acquire() as mine:
            for number in range(ROUNDS):
                await work(mine, number)

    everybody = (emit, emit, fan_out, deliver, deliver, read_all, forget, consume, tidy, tidy)
    await asyncio.gather(*map(again, everybody))
    found = await completeness.prove(conn, LONG_AGO)
    assert found.holds, found
    assert [await conn.fetchval(DRIFT), await conn.fetchval(HALF_GONE)] == [0, 0]
    for number in range(ROUNDS):
        for work in (fan_out, deliver, consume):
            await work(conn, number)
    await tidy(conn, 0)
    assert (await completeness.prove(conn, LONG_AGO)).events == 0
