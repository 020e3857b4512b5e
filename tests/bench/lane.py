"""Claim and record with a null sender, from one connection and from four of one process."""

import asyncio
import time

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy, decide
from outbox.delivery.outcome import Delivered
from outbox.lane import lane_claim
from outbox.recording import record
from tests.bench.relay import drain, fill
from tests.bench.table import Figure

DELIVERIES = 40_000
RECIPIENTS = 10_000
BATCH = 100
DELIVERED = Delivered(1)
EMPTY = """
truncate outbox.event, outbox.waiting, outbox.batch, outbox.delivery, outbox.attempt, outbox.operator_action,
  outbox.telegram_link, outbox.run
"""


async def measure(url: str) -> list[Figure]:
    """Fill two backlogs of the same shape, and empty each."""
    conn = await connect(url)
    figures = []
    for connections in (1, 4):
        await conn.execute(EMPTY)
        await fill(conn, DELIVERIES, RECIPIENTS)
        await drain(conn)
        await conn.execute("vacuum analyze outbox.delivery")
        await conn.execute("vacuum analyze outbox.lane")
        rate = await _empty(url, connections)
        target = "25,000/s" if connections > 1 else ""
        figures.append(
            Figure(f"claim + record, null sender, {connections} connections", f"{rate:,.0f} deliveries/s", target)
        )
    await conn.close()
    return figures


async def _empty(url: str, connections: int) -> float:
    conns = [await connect(url) for _ in range(connections)]
    began = time.perf_counter()
    done = sum(await asyncio.gather(*map(deliver, conns)))
    rate = done / (time.perf_counter() - began)
    for conn in conns:
        await conn.close()
    return rate


async def deliver(conn: Connection) -> int:
    """Claim and record until nothing is due; return how many deliveries that were."""
    done = 0
    while claimed := await lane_claim.claim(conn, Channel.TELEGRAM, BATCH):
        finishes = [
            record.Finish(one, DELIVERED, decide(DELIVERED, one.attempts, one.claimed_at, Policy())) for one in claimed
        ]
        done += len((await record.record(conn, finishes)).won)
    return done
