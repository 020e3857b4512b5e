"""Runs the floor, the product and the peers side by side, in turns, and prints one table."""

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench import about, catalog
from tests.bench.drain import analyzed, held
from tests.bench.peers.contender import Contender, Floor, Other, Ours
from tests.bench.peers.peer import PEERS
from tests.bench.stage import Ground, Stage, stage

WARM, LEAST = 5_000, 20_000
WORK_S = 5.0
MOST, MOST_HELD = 400_000, 50_000
LAGS = 100

WAL = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
DEAD = "select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables where relname <> 'held'"
REPORTED_S = 1.2
"""What a backend that ended has counted arrives within a second."""

COLUMNS = (
    "",
    "version",
    "N",
    "drain /s",
    "of the floor",
    "dead rows",
    "WAL bytes",
    "idle p50 / p99 ms",
    "held: N",
    "of without",
)


class Run(NamedTuple):
    """One drain, by the job."""

    rate: float
    dead: float
    wal: float


@dataclass(slots=True)
class Result:
    """What was measured of one contender."""

    jobs: int = 0
    runs: list[Run] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    held_jobs: int = 0
    held: list[tuple[float, float]] = field(default_factory=list)
    """The rate beside a transaction that was held open, and without, of so many jobs."""


async def _drain(one: Contender, ground: Ground, jobs: int) -> Run:
    await one.fill(ground, jobs)
    await analyzed(ground)
    await ground.conn.execute("checkpoint")
    before = await _counted(ground)
    seconds = await one.seconds(ground, jobs)
    dead, wal = (now - then for now, then in zip(await _counted(ground), before, strict=True))
    return Run(jobs / seconds, dead / jobs, wal / jobs)


async def _counted(ground: Ground) -> tuple[int, int]:
    await asyncio.sleep(REPORTED_S)
    await ground.conn.execute("select pg_stat_clear_snapshot()")
    return await ground.conn.fetchval(DEAD), int(await ground.conn.fetchval(WAL))


async def _round(one: Contender, ground: Ground, result: Result) -> None:
    """Drain; and drain a number that is no larger than what an open transaction allows, without one and beside it."""
    made = ground.stage
    if not result.jobs:
        await one.setup(ground)
        warm = await _drain(one, ground, made.size(WARM))
        result.jobs = int(min(made.size(MOST), max(made.size(LEAST), round(warm.rate * WORK_S * made.scale, -3))))
        result.held_jobs = min(result.jobs, made.size(MOST_HELD))
    result.runs.append(await _drain(one, ground, result.jobs))
    without = await _drain(one, ground, result.held_jobs)
    # from before the jobs were committed
    async with held(ground):
        beside = await _drain(one, ground, result.held_jobs)
    result.held.append((beside.rate, without.rate))


async def measure(made: Stage) -> dict[Contender, Result]:
    """Let all of them take turns, so that a drift of the machine hits each alike."""
    peers = [Other(peer) for peer in PEERS if peer.is_installed]
    ours = Ours("vestnik, in-app", catalog.INAPP), Ours("vestnik, Telegram in order", catalog.TELEGRAM)
    contenders: tuple[Contender, ...] = (Floor(), *ours, *peers)
    results = {one: Result() for one in contenders}
    async with AsyncExitStack() as stack:
        grounds = {one: await stack.enter_async_context(made.ground()) for one in results}
        for _ in range(made.rounds):
            for one, result in results.items():
                await _round(one, grounds[one], result)
        for one, result in results.items():
            result.lags += await one.lags(grounds[one], made.size(LAGS))
    return results


def _table(head: str, results: Mapping[Contender, Result]) -> Table:
    table = Table(title=f"side by side in this run, on this machine\n{head}", title_justify="left")
    for column in COLUMNS:
        table.add_column(column)
    floor = median(run.rate for run in next(iter(results.values())).runs)
    for one, result in results.items():
        rate, dead, wal = (median(column) for column in zip(*result.runs, strict=True))
        ratio = median(beside / without for beside, without in result.held)
        percentiles = quantiles(result.lags, n=100) if result.lags else []
        lags = f"{percentiles[49]:.1f} / {percentiles[98]:.1f}" if percentiles else ""
        numbers = f"{rate:,.0f}", f"{rate / floor:.2f}", f"{dead:.2f}", f"{wal:,.0f}"
        table.add_row(
            one.name, one.version, f"{result.jobs:,}", *numbers, lags, f"{result.held_jobs:,}", f"{ratio:.2f}"
        )
    return table


async def _run(made: Stage) -> None:
    head = await about.describe(made)
    await made.prepare()
    Console(width=160).print(_table(head, await measure(made)))


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of jobs")
    parser.add_argument("--rounds", type=int, default=3, help="how often all of them take turns")
    given = parser.parse_args()
    with (
        stage(given.scale, given.rounds) as made,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_run(made))


if __name__ == "__main__":
    main()
