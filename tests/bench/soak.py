"""The soak: emit, relay, deliver, read and prune at a steady rate; the tables keep their size, and so does the work.

`python -m tests.bench soak [MINUTES]`. What is judged are sizes and counts of the second quarter and the last, never
seconds: rows, bytes, and the pages that PostgreSQL looks at for each event.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean
from typing import NamedTuple

from rich.console import Console

from inapp.reading import read_all
from outbox.database.connection import Connection, connect
from outbox.prune.event_prune import Ages, cutoff, prune
from outbox.relay import fan_out
from tests.bench.lane import deliver
from tests.bench.relay import LINK, ROUTES

MINUTES = 10.0
RATE = 300
"""Events a second: a busy application, and a fraction of what a machine can do."""
RECIPIENTS = 1_000
RETENTION = Ages(timedelta(seconds=20), timedelta(seconds=20))
LOOK_EVERY_S, PRUNE_EVERY_S, READ_EVERY_S, IDLE_S = 30.0, 5.0, 0.1, 0.05
READERS = 20
"""Who reads at a time; the others' notifications are taken away unread, or are read later."""
MORE = 1.25
"""What the last quarter may have of the second: autovacuum has just been, or is about to come."""
LATE_S = 10
"""So many seconds' worth of events may wait at the end."""

EMIT = """
select outbox.emit('t', array['u' || 1 + i % $2::integer], '{"job": "UGC", "brand": "Acme & Sons", "url": "/jobs/1"}')
from generate_series($1::integer, $3::integer) i
"""
LOOK = """
select
  (select sum(pg_total_relation_size(c.oid))::bigint from pg_class c
   where c.relnamespace = 'outbox'::regnamespace and c.relkind = 'r') as bytes,
  (select sum(n_dead_tup)::bigint from pg_stat_user_tables where schemaname = 'outbox') as dead,
  (select count(*) from outbox.event) as rows,
  (select blks_hit + blks_read from pg_stat_database where datname = current_database()) as pages
"""


class Sample(NamedTuple):
    """How things stand at one moment."""

    at: float
    emitted: int
    delivered: int
    pruned: int
    bytes: int
    dead: int
    rows: int
    pages: int


@dataclass(slots=True)
class Soak:
    """What goes on side by side, each on a connection of its own."""

    emitted: int = 0
    delivered: int = 0
    pruned: int = 0
    began: float = 0.0

    async def emit(self, conn: Connection) -> float:
        """Emit what is due since the beginning."""
        due = int((time.monotonic() - self.began) * RATE)
        if due > self.emitted:
            await conn.execute(EMIT, self.emitted + 1, RECIPIENTS, due)
            self.emitted = due
        return IDLE_S

    async def relay(self, conn: Connection) -> float:
        """Relay a batch."""
        batch = await fan_out.step(conn, ROUTES)
        return 0 if batch is not None and batch.relayed else IDLE_S

    async def deliver(self, conn: Connection) -> float:
        """Deliver what is due, to nobody."""
        self.delivered += await deliver(conn)
        return IDLE_S

    async def read(self, conn: Connection) -> float:
        """Let some people read what they have got."""
        for number in random.sample(range(1, RECIPIENTS + 1), READERS):
            await read_all(conn, f"u{number}")
        return READ_EVERY_S

    async def prune(self, conn: Connection) -> float:
        """Take away what is old enough."""
        self.pruned += (await prune(conn, await cutoff(conn, RETENTION))).events
        return PRUNE_EVERY_S

    async def look(self, conn: Connection) -> Sample:
        """Tell how things stand."""
        row = await conn.fetchrow(LOOK)
        assert row is not None
        return Sample(time.monotonic() - self.began, self.emitted, self.delivered, self.pruned, *row)


async def measure(url: str, minutes: float = MINUTES) -> bool:
    """Soak for so long, print a line each half minute, and tell whether all stayed flat."""
    soak, console = Soak(), Console(width=140)
    conn = await connect(url)
    await conn.execute(LINK, RECIPIENTS)
    soak.began = time.monotonic()
    steps = (soak.emit, soak.relay, soak.deliver, soak.read, soak.prune)
    going = [asyncio.create_task(_again(url, step)) for step in steps]
    samples = [await soak.look(conn)]
    while samples[-1].at < minutes * 60:
        await asyncio.wait(going, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_EXCEPTION)
        for one in going:
            if one.done():
                one.result()
        samples.append(await soak.look(conn))
        console.print(_line(*samples[-2:]))
    for one in going:
        one.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*going)
    await conn.close()
    faults = judge(samples)
    console.print("flat" if not faults else "NOT FLAT: " + "; ".join(faults))
    return not faults


async def _again(url: str, step: Callable[[Connection], Awaitable[float]]) -> None:
    conn = await connect(url)
    try:
        while True:  # noqa: ASYNC110 (each step says how long it rests)
            await asyncio.sleep(await step(conn))
    finally:
        await conn.close()


def _line(before: Sample, now: Sample) -> str:
    emitted, seconds = now.emitted - before.emitted, now.at - before.at
    return (
        f"{now.at:5.0f} s: {emitted / seconds:,.0f} events/s emitted, "
        f"{(now.delivered - before.delivered) / seconds:,.0f} delivered, "
        f"{(now.pruned - before.pruned) / seconds:,.0f} pruned; {now.rows:,} events kept, "
        f"{now.bytes / 2**20:,.1f} MiB, {now.dead:,} dead rows; {_pages((before, now)):,.0f} pages an event"
    )


def judge(samples: Sequence[Sample]) -> list[str]:
    """Compare the second quarter with the last; name what has grown."""
    quarter = max(1, (len(samples) - 1) // 4)
    second, last = samples[quarter : 2 * quarter + 1], samples[-quarter - 1 :]
    figures = {
        "events kept": (fmean(s.rows for s in second), fmean(s.rows for s in last)),
        "bytes": (fmean(s.bytes for s in second), fmean(s.bytes for s in last)),
        "pages an event": (_pages(second), _pages(last)),
    }
    faults = [f"{name}: {a:,.0f} -> {b:,.0f}" for name, (a, b) in figures.items() if b > MORE * a]
    end = samples[-1]
    if end.emitted - end.delivered > LATE_S * RATE:
        faults.append(f"{end.emitted - end.delivered:,} deliveries wait")
    return faults


def _pages(samples: Sequence[Sample]) -> float:
    return (samples[-1].pages - samples[0].pages) / max(1, samples[-1].emitted - samples[0].emitted)
