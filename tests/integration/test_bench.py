"""`make bench` can be run: what it measures on a database, with little to do."""

from collections.abc import Mapping
from types import ModuleType

import pytest

from tests.bench import emit, gauge, lane, relay

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
