"""Idle: from the commit of an event to its send by a worker that sleeps in between, and what that worker costs."""

import asyncio
import json
import random
import time
from statistics import quantiles

import asyncpg

from outbox.database.connection import Connection
from tests.bench import catalog, count, floor
from tests.bench.process import Watching, cpu_s, watching
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure

EMITS = 200
SHORTEST_S, LONGEST_S = 0.05, 0.15
SETTLE_S = 3.0
"""What a worker does when it has just started is over then."""
IDLE_S = 20.0

EMIT = "select outbox.emit($1, $2::text[], $3::text::jsonb)"
JOB = "insert into public.floor_job (kind, payload) values ('job', $1::text::jsonb)"
WAKE = "select pg_notify('floor', '')"


async def latency(stage: Stage) -> list[Figure]:
    """Emit one event after the other, each for somebody else."""
    async with stage.ground() as ground:
        below = await bare_lags(ground, stage.size(EMITS))
        async with watching(ground) as worker:
            await asyncio.sleep(SETTLE_S)
            begun, committed = await lags(ground, worker, stage.size(EMITS))
    return [
        Figure(
            "idle: commit to send, p50 / p99",
            f"{_ms(committed, 50)} / {_ms(committed, 99)} ms",
            "p99 3 x p50",
            f"counted from BEGIN {_ms(begun, 50)} / {_ms(begun, 99)} ms; a loop that claims and deletes "
            f"{_ms(below, 50)} / {_ms(below, 99)} ms",
        )
    ]


async def costs(stage: Stage) -> list[Figure]:
    """Count what a worker does while nothing happens."""
    seconds = max(2.0, IDLE_S * min(1.0, stage.scale))
    async with stage.ground() as ground, watching(ground) as worker:
        await asyncio.sleep(SETTLE_S)
        await ground.conn.execute(count.FORGET)
        commands, used, began = await _commands(stage), cpu_s(worker.pid), time.monotonic()
        await asyncio.sleep(seconds)
        seconds, busy = time.monotonic() - began, cpu_s(worker.pid) - used
        statements, commands = await ground.conn.fetchval(count.STATEMENTS), await _commands(stage) - commands
    return [
        Figure(
            "idle worker",
            f"{busy / seconds:.1%} of a core, {statements / seconds:.1f} statements/s, {commands / seconds:.1f} Redis "
            "commands/s",
            "2 %",
            f"over {seconds:.0f} s",
        )
    ]


async def _commands(stage: Stage) -> int:
    return sum((await count.commands(stage.redis_url)).values())


async def lags(ground: Ground, worker: Watching, emits: int) -> tuple[list[float], list[float]]:
    """Give the seconds to each send, from just before BEGIN and from the return of COMMIT."""
    took = []
    for number in range(1, emits + 1):
        await asyncio.sleep(random.uniform(SHORTEST_S, LONGEST_S))
        began = time.monotonic_ns()
        async with ground.conn.transaction():
            payload = json.dumps({"t": began})
            await ground.conn.execute(EMIT, catalog.TELEGRAM, [f"u{number}"], payload)
        took.append((time.monotonic_ns() - began) / 1e9)
    begun = await worker.until_sent(emits)
    return begun, [whole - commit for whole, commit in zip(begun, took, strict=True)]


async def bare_lags(ground: Ground, jobs: int) -> list[float]:
    """Give the seconds from just before BEGIN until a bare loop has claimed the job."""
    await ground.conn.execute(floor.TABLE)
    seen: list[float] = []
    loop = asyncio.create_task(_claim(ground.url, seen))
    await asyncio.sleep(1)
    for _ in range(jobs):
        await asyncio.sleep(random.uniform(SHORTEST_S, LONGEST_S))
        await _notify(ground.conn)
    async with asyncio.timeout(10):
        while len(seen) < jobs:  # noqa: ASYNC110 (the fact is in a list)
            await asyncio.sleep(0.01)
    loop.cancel()
    return seen


async def _notify(conn: Connection) -> None:
    payload = json.dumps({"t": time.monotonic_ns()})
    async with conn.transaction():
        await conn.execute(JOB, payload)
        await conn.execute(WAKE)


async def _claim(url: str, seen: list[float]) -> None:
    conn, wake = await asyncpg.connect(url), asyncio.Event()
    await conn.add_listener("floor", lambda *_: wake.set())
    while True:
        wake.clear()
        async with conn.transaction():
            rows = await conn.fetch(floor.CLAIM, floor.BATCH)
            seen += [(time.monotonic_ns() - json.loads(row["payload"])["t"]) / 1e9 for row in rows]
            await conn.execute(floor.DELETE, [row["id"] for row in rows])
        if not rows:
            await wake.wait()


def _ms(seconds: list[float], percentile: int) -> str:
    return f"{quantiles(seconds, n=100)[percentile - 1] * 1000:.1f}"
