"""Counts for each message, held to a baseline: bytes of WAL, dead rows, statements, Redis commands.

`make bench-baseline` writes the baseline anew; a test holds the product to it within a tenth.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench import catalog
from tests.bench.drain import Load, drain
from tests.bench.stage import Stage
from tests.bench.table import Figure

BASELINE = Path(__file__).with_name("baseline.json")
WITHIN = 0.1
FEW = 4
"""So many calls more or less in a whole run are the clock's doing: a look too many, a batch cut in two."""


class Way(NamedTuple):
    """One way whose counts are held."""

    load: Load
    settings: Mapping[str, str]


EVENTS = 5_000
IN_FLIGHT = 20_000
"""More than there are messages: with fewer slots than messages, how much goes into a batch is the machine's doing."""
WAYS: Mapping[str, Way] = {
    "in-app": Way(Load(EVENTS, (catalog.INAPP,)), {}),
    "Telegram": Way(Load(EVENTS), {}),
    "both channels": Way(Load(EVENTS, (catalog.BOTH,), channels=2), {}),
    "full texts": Way(Load(EVENTS, (catalog.FULL,), catalog.LONG), {}),
    "not paid": Way(Load(EVENTS), {"PAID_BROADCAST": "false"}),
}

Counted = dict[str, dict[str, float]]


async def measure(stage: Stage) -> list[Figure]:
    """Show the counts of a message."""
    return [_figure(name, each) for name, each in (await counted(stage)).items()]


async def counted(stage: Stage, ways: Iterable[str] = WAYS) -> Counted:
    """Count each of these ways, on a database of its own."""
    return {name: await _count(stage, WAYS[name]) for name in ways}


def drifted(found: Counted, kept: Counted) -> dict[str, list[str]]:
    """Name the ways, and of each the counts, that are not within a tenth of the baseline."""
    faults = {
        way: [
            f"{name} {number:.4f} a message, {kept[way][name]:.4f} in the baseline"
            for name, number in counts.items()
            if abs(number - kept[way][name]) > max(WITHIN * kept[way][name], FEW / WAYS[way].load.messages)
        ]
        for way, counts in found.items()
    }
    return {way: named for way, named in faults.items() if named}


def fewest(several: Sequence[Counted]) -> Counted:
    """Take the least of each count: a machine that stands still cuts batches in two, and never makes them larger."""
    return {
        way: {name: min(one[way][name] for one in several) for name in counts} for way, counts in several[0].items()
    }


def baseline() -> Counted:
    """Read what was kept."""
    kept: Counted = json.loads(BASELINE.read_text("utf-8"))
    return kept


def keep(found: Counted) -> None:
    """Write the baseline anew."""
    BASELINE.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


async def _count(stage: Stage, way: Way) -> dict[str, float]:
    async with stage.ground() as ground:
        drained = await drain(ground, way.load, in_flight=IN_FLIGHT, settings=way.settings)
    return {name: round(number, 4) for name, number in drained.counts.each(drained.messages).items()}


def _figure(name: str, each: Mapping[str, float]) -> Figure:
    target = "1,000 B; 1.0; 0.05; 0.05" if name == "Telegram" else ""
    return Figure(
        f"{name}, a message: WAL; dead rows; statements; Redis commands",
        f"{each['wal']:,.0f} B; {each['dead']:.2f}; {each['statements']:.3f}; {each['commands']:.3f}",
        target,
        f"{EVENTS:,} events, all in flight at once, autovacuum off, after a checkpoint",
    )
