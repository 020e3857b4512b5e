"""What a message may take: WAL, dead rows, statements and Redis commands, held to the baseline in the repository."""

import pytest

from tests.bench import gate
from tests.bench.stage import stage

# the fastest way to PostgreSQL is what is measured
pytestmark = pytest.mark.direct


async def test_a_message_takes_what_it_took() -> None:
    """A drain of each kind counts within a tenth of tests/bench/baseline.json; `make bench-baseline` writes it anew."""
    kept = gate.baseline()
    runs: list[gate.Counted] = []
    with stage() as made:
        await made.prepare()
        while not runs or (len(runs) < made.rounds and gate.drifted(gate.fewest(runs), kept)):
            runs.append(await gate.counted(made))
    assert gate.drifted(gate.fewest(runs), kept) == []


def test_a_count_that_grows_by_more_than_a_tenth_is_named() -> None:
    """Bytes, rows and calls are compared each for itself, in both directions."""
    kept = {"Telegram": {"wal": 1000.0, "dead": 0.5, "statements": 0.05, "commands": 0.02}}
    found = {"Telegram": {"wal": 1101.0, "dead": 0.44, "statements": 0.054, "commands": 0.02}}
    assert gate.drifted(found, kept) == [
        "Telegram: wal 1101.0000 a message, 1000.0000 in the baseline",
        "Telegram: dead 0.4400 a message, 0.5000 in the baseline",
    ]
