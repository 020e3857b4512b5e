"""`make bench`: every figure beside its floor, on the embedded engines, in one run; the soak by itself.

python -m tests.bench [ROW ...] [--scale 0.1] [--rounds 1]
python -m tests.bench soak [MINUTES]
python -m tests.bench baseline
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import uvloop

from tests.bench import (
    about,
    analyze,
    backlog,
    emit,
    gate,
    gauge,
    hold,
    http,
    idle,
    lane,
    mass,
    pace,
    paid,
    relay,
    shape,
    soak,
    stream,
    urgent,
    way,
)
from tests.bench.stage import Stage, stage
from tests.bench.table import Figure, show
from workers.demo import stage as demo

AGAIN = 2
"""So many rounds more, so that the baseline is what a machine that is not busy counts."""
Result = TypeVar("Result")
Row = Callable[[Stage], Awaitable[list[Figure]]]


def _on_a_database(measure: Callable[[str], Awaitable[Figure | list[Figure]]]) -> Row:
    """Measure a part of the way on a database of its own."""

    async def row(stage: Stage) -> list[Figure]:
        async with stage.database() as url:
            found = await measure(url)
        return found if isinstance(found, list) else [found]

    return row


def _on_the_demo(measure: Callable[[demo.Stage], list[Figure]]) -> Row:
    """Measure processes and a simulator on engines of their own."""

    def with_demo() -> list[Figure]:
        with demo.stage("--no-limits") as stage:
            return measure(stage)

    async def row(_stage: Stage) -> list[Figure]:
        return await asyncio.to_thread(with_demo)

    return row


ROWS: Mapping[str, Row] = {
    "inapp": way.inapp,
    "telegram": way.telegram,
    "counts": gate.measure,
    "hold": hold.measure,
    "idle": idle.latency,
    "quiet": idle.costs,
    "full": pace.full,
    "free": pace.free,
    "urgent": urgent.measure,
    "http": http.measure,
    "paid": paid.measure,
    "statistics": analyze.measure,
    "types": shape.types,
    "recipients": shape.recipients,
    "one-lane": shape.one_lane,
    "mass": mass.measure,
    "backlog": backlog.measure,
    "emit": _on_a_database(emit.measure),
    "relay": _on_a_database(relay.measure),
    "lane": _on_a_database(lane.measure),
    "gauge": _on_a_database(gauge.measure),
    "stream": _on_the_demo(stream.measure),
}
"""The whole ways first, then their parts."""


def _run(work: Awaitable[Result]) -> Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_finish(work))


async def _finish(work: Awaitable[Result]) -> Result:
    return await work


async def _measure(stage: Stage, names: list[str]) -> bool:
    """Measure one row after the other, so that none disturbs another; tell whether all could be measured."""
    head = await about.describe(stage)
    await stage.prepare()
    figures, whole = [], True
    for name in names:
        began = time.monotonic()
        try:
            figures += await ROWS[name](stage)
        except Exception as fault:  # noqa: BLE001 (one row that fails must not cost the others' figures)
            figures.append(Figure(name, f"failed: {type(fault).__name__}", "", str(fault).partition("\n")[0][:200]))
            whole = False
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)  # noqa: T201 (it takes minutes)
    show(figures, head)
    return whole


def _endure(minutes: float) -> bool:
    """Soak for so long; tell whether all stayed flat."""

    async def endure(stage: Stage) -> bool:
        await stage.prepare()
        async with stage.database() as url:
            return await soak.measure(url, minutes)

    # what keeps the tables small is part of what is looked at
    with stage(settings={"autovacuum": "on"}) as made:
        return _run(endure(made))


async def _keep_baseline(stage: Stage) -> None:
    await stage.prepare()
    gate.keep(gate.fewest([await gate.counted(stage) for _ in range(AGAIN + stage.rounds)]))


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; soak; baseline")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of events")
    parser.add_argument("--rounds", type=int, default=3, help="how often what is compared takes turns")
    given = parser.parse_args()
    if given.rows[:1] == ["soak"]:
        return not _endure(float(given.rows[1]) if given.rows[1:] else soak.MINUTES)
    if unknown := set(given.rows) - {*ROWS, "baseline"}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    with stage(given.scale, given.rounds) as made:
        if given.rows == ["baseline"]:
            _run(_keep_baseline(made))
            return 0
        return not _run(_measure(made, given.rows or list(ROWS)))


if __name__ == "__main__":
    sys.exit(main())
