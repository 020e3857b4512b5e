"""`make bench`: every figure beside its floor, on the embedded engines, in one run; the soak by itself."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import uvloop

from outbox import migration
from outbox.database import connect
from tests.bench import emit, gauge, idle, lane, memory, relay, soak, stream
from tests.bench.table import show
from workers import demo, engine
from workers.engine import Postgres

Result = TypeVar("Result")

SETTINGS = {"max_wal_size": "4GB", "shared_buffers": "512MB"}
"""What a server of this size would be given; everything that makes a commit safe stays on."""


async def _on_fresh_database(server: Postgres, name: str, measure: Callable[[str], Awaitable[Result]]) -> Result:
    admin = await connect(server.url())
    await admin.execute(f"create database {name}")
    await admin.close()
    conn = await connect(server.url(name))
    await migration.migrate(conn)
    await conn.close()
    return await measure(server.url(name))


def _run(work: Awaitable[Result]) -> Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_finish(work))


async def _finish(work: Awaitable[Result]) -> Result:
    return await work


def main() -> None:
    """Measure one after the other, so that none disturbs another."""
    figures = []
    with engine.postgres(settings=SETTINGS) as server:
        figures.append(_run(_on_fresh_database(server, "bench_emit", emit.measure)))
        figures.append(_run(_on_fresh_database(server, "bench_relay", relay.measure)))
        figures += _run(_on_fresh_database(server, "bench_lane", lane.measure))
        figures += _run(_on_fresh_database(server, "bench_gauge", gauge.measure))
    with demo.stage("--no-limits") as stage:
        figures += idle.measure(stage)
        figures += stream.measure(stage)
    with demo.stage("--no-limits") as stage:
        figures += memory.measure(stage)
    show(figures)


def endure(minutes: float) -> bool:
    """Soak for so long; tell whether all stayed flat."""
    with engine.postgres(settings=SETTINGS) as server:
        return _run(_on_fresh_database(server, "bench_soak", partial(soak.measure, minutes=minutes)))


if sys.argv[1:2] == ["soak"]:
    sys.exit(not endure(float(sys.argv[2]) if sys.argv[2:] else soak.MINUTES))
main()
