"""`outbox.emit` beside a bare insert of the same row, at 32 connections, each in its own transaction."""

import asyncio
import json
import time
from statistics import median

from outbox.database import Connection, connect
from tests.bench.table import Figure

CONNECTIONS = 32
ROUNDS = 5
EMITS = 6_000

PAYLOAD = json.dumps({"job": "UGC", "brand": "Acme & Sons", "url": "/jobs/1"})
BARE = "insert into outbox.event (type, recipients, payload) values ('t', '{u1}', $1::text::jsonb) returning id"
EMIT = "select outbox.emit('t', '{u1}', $1::text::jsonb)"


async def measure(url: str) -> Figure:
    """Alternate the two, and take the median of the ratios."""
    conns = [await connect(url) for _ in range(CONNECTIONS)]
    await _rate(conns, BARE)
    pairs = [(await _rate(conns, BARE), await _rate(conns, EMIT)) for _ in range(ROUNDS)]
    for conn in conns:
        await conn.close()
    ratio = median(emit / bare for bare, emit in pairs)
    bare, emit = (median(pair[side] for pair in pairs) for side in (0, 1))
    return Figure(
        "emit, 32 connections", f"{emit:,.0f}/s = {ratio:.0%} of a bare insert", "85 %", f"bare insert {bare:,.0f}/s"
    )


async def _rate(conns: list[Connection], sql: str) -> float:
    left = EMITS

    async def produce(conn: Connection) -> None:
        nonlocal left
        statement = await conn.prepare(sql)
        while left > 0:
            left -= 1
            await statement.fetchval(PAYLOAD)

    began = time.perf_counter()
    await asyncio.gather(*map(produce, conns))
    return EMITS / (time.perf_counter() - began)
