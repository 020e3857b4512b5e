"""`outbox.emit` beside a bare insert of the same row, at 32 connections, each in its own transaction."""

import asyncio
import json
import secrets
import time
from statistics import median

from outbox.database.connection import Connection, connect
from tests.bench.table import Figure

CONNECTIONS = 32
ROUNDS = 5
EMITS = 6_000

PAYLOAD = json.dumps({"job": "UGC", "brand": "Acme & Sons", "url": "/jobs/1"})
BARE = "insert into outbox.event (type, recipients, payload) values ('t', '{u1}', $1::text::jsonb) returning id"
EMIT = "select outbox.emit('t', '{u1}', $1::text::jsonb)"
BARE_KEYED = """
insert into outbox.event (type, recipients, payload, dedupe_key) values ('t', '{u1}', $1::text::jsonb, $2) returning id
"""
EMIT_KEYED = "select outbox.emit('t', '{u1}', $1::text::jsonb, dedupe_key => $2)"


async def measure(url: str) -> list[Figure]:
    """Compare the two without a key and with one that is new each time."""
    conns = [await connect(url) for _ in range(CONNECTIONS)]
    figures = [
        await _compare(conns, "emit, 32 connections", BARE, EMIT, "90 %", keyed=False),
        await _compare(conns, "emit with dedupe_key, 32 connections", BARE_KEYED, EMIT_KEYED, "75 %", keyed=True),
    ]
    for conn in conns:
        await conn.close()
    return figures


async def _compare(
    conns: list[Connection], what: str, bare_sql: str, emit_sql: str, target: str, *, keyed: bool
) -> Figure:
    """Alternate the two, and take the median of the ratios."""
    await _rate(conns, bare_sql, keyed=keyed)
    pairs = [
        (await _rate(conns, bare_sql, keyed=keyed), await _rate(conns, emit_sql, keyed=keyed)) for _ in range(ROUNDS)
    ]
    ratio = median(emit / bare for bare, emit in pairs)
    bare, emit = (median(pair[side] for pair in pairs) for side in (0, 1))
    return Figure(what, f"{emit:,.0f}/s = {ratio:.0%} of a bare insert", target, f"bare insert {bare:,.0f}/s")


async def _rate(conns: list[Connection], sql: str, *, keyed: bool) -> float:
    left = EMITS

    async def produce(conn: Connection) -> None:
        nonlocal left
        statement = await conn.prepare(sql)
        while left > 0:
            left -= 1
            await statement.fetchval(PAYLOAD, *((secrets.token_hex(16),) if keyed else ()))

    began = time.perf_counter()
    await asyncio.gather(*map(produce, conns))
    return EMITS / (time.perf_counter() - began)
