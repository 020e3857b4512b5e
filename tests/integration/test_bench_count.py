"""What a message may take: WAL, dead rows, statements and Redis commands, held to the baseline in the repository."""

import pytest

from tests.bench import gate
from tests.bench.stage import stage

# the fastest way to PostgreSQL is what is measured
pytestmark = pytest.mark.direct

AGAIN = 3
"""How often a way is counted once more that is not what it was: a machine that stands still cuts batches in two."""


async def test_a_message_takes_what_it_took() -> None:
    """A drain of each kind counts within a tenth of tests/bench/baseline.json; `make bench-baseline` writes it anew."""
    kept = gate.baseline()
    with stage() as made:
        await made.prepare()
        found = await gate.counted(made)
        for _ in range(AGAIN):
            again = await gate.counted(made, gate.drifted(found, kept))
            found |= gate.fewest([again, {way: found[way] for way in again}]) if again else {}
    assert gate.drifted(found, kept) == {}


def test_a_count_that_grows_by_more_than_a_tenth_is_named() -> None:
    """Bytes, rows and calls are compared each for itself, in both directions."""
    kept = {"Telegram": {"wal": 1000.0, "dead": 0.5, "statements": 0.05, "commands": 0.02}}
    found = {"Telegram": {"wal": 1101.0, "dead": 0.44, "statements": 0.054, "commands": 0.02}}
    assert gate.drifted(found, kept) == {
        "Telegram": [
            "wal 1101.0000 a message, 1000.0000 in the baseline",
            "dead 0.4400 a message, 0.5000 in the baseline",
        ]
    }
