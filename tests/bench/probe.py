"""Probes: events that are emitted one by one beside a load, each timed from its commit to its send."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles

from outbox.database.connection import Connection, connect
from tests.bench import catalog
from tests.bench.stage import Ground

EVERY_S = 0.05
EMIT = "select outbox.emit($1, $2::text[], $3::text::jsonb)"

LONGEST = """
select max(extract(epoch from clock_timestamp() - a.xact_start))::float8 from pg_stat_activity a
where a.application_name = 'vestnik' and a.pid <> pg_backend_pid() and exists (
  select from pg_locks l
  where l.pid = a.pid and l.relation = 'outbox.cursor'::regclass and l.mode in ('RowShareLock', 'RowExclusiveLock')
)
"""
LOOK_EVERY_S = 0.005


@dataclass(slots=True)
class Probes:
    """What the probes of one phase have seen."""

    emits: list[float] = field(default_factory=list)
    """Seconds of each emit, its commit included."""
    longest: float = 0.0
    """The longest transaction of the relay that was seen, in seconds."""


@asynccontextmanager
async def probing(ground: Ground, event_type: str = catalog.URGENT) -> AsyncIterator[Probes]:
    """Emit for one person after the other of those whom the load leaves out, for as long as the block lasts."""
    seen = Probes()
    emitter, watcher = await connect(ground.url), await connect(ground.url)
    tasks = [asyncio.create_task(_emit(ground, emitter, event_type, seen)), asyncio.create_task(_look(watcher, seen))]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        emitter.terminate()
        watcher.terminate()


async def _emit(ground: Ground, conn: Connection, event_type: str, seen: Probes) -> None:
    number = 0
    while True:
        await asyncio.sleep(EVERY_S)
        person = ground.people - number % ground.others
        number += 1
        began = time.monotonic_ns()
        await conn.execute(EMIT, event_type, [f"u{person}"], json.dumps({"t": began}))
        seen.emits.append((time.monotonic_ns() - began) / 1e9)


async def _look(conn: Connection, seen: Probes) -> None:
    while True:
        seen.longest = max(seen.longest, await conn.fetchval(LONGEST) or 0.0)
        await asyncio.sleep(LOOK_EVERY_S)


def ms(seconds: list[float], percentile: int) -> float:
    """Give a percentile in milliseconds."""
    return quantiles(seconds, n=100)[percentile - 1] * 1000
