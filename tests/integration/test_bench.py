"""`make bench` can be run: what it measures on a database, with little to do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import ModuleType

import pytest

from tests.bench import emit, gauge, idle, lane, relay, shape, way
from tests.bench.stage import Stage
from tests.bench.stage import stage as bench_stage
from tests.bench.table import Figure

# the fastest way to PostgreSQL is what is measured
pytestmark = pytest.mark.direct

LITTLE: Mapping[ModuleType, Mapping[str, int]] = {
    emit: {"EMITS": 64, "ROUNDS": 1},
    gauge: {"FEW": 500, "MANY": 1_000, "TIMES": 2},
    lane: {"DELIVERIES": 200, "RECIPIENTS": 50},
    relay: {"EVENTS": 200, "RECIPIENTS": 50},
}


@pytest.mark.parametrize("bench", LITTLE, ids=lambda bench: bench.__name__.rpartition(".")[2])
async def test_a_bench_gives_its_figures(database_url: str, bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends, and each of its figures is a number with a unit."""
    for name, number in LITTLE[bench].items():
        monkeypatch.setattr(bench, name, number)
    found = await bench.measure(database_url)
    figures = found if isinstance(found, list) else [found]
    assert [figure for figure in figures if not any(digit.isdigit() for digit in figure.measured)] == []
    assert figures


@pytest.fixture(scope="module")
def small() -> Iterator[Stage]:
    """Set up what the whole ways stand on, with little to do."""
    with bench_stage(scale=0.005, rounds=1) as made:
        asyncio.run(made.prepare())
        yield made


@pytest.mark.parametrize(
    "row", [way.inapp, way.telegram, idle.latency, shape.one_lane], ids=lambda row: row.__qualname__
)
async def test_a_whole_way_gives_its_figures(small: Stage, row: Callable[[Stage], Awaitable[list[Figure]]]) -> None:
    """It ends, with a worker of its own that has delivered everything, and each of its figures is a number."""
    found = await row(small)
    assert [figure for figure in found if not any(digit.isdigit() for digit in figure.measured)] == []
    assert found
