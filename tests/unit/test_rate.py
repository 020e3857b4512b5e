"""How often one caller may ask."""

import pytest

from inapp import rate
from inapp.rate import Rate


def test_a_burst_and_then_the_rate() -> None:
    """At 2 a second with a burst of 3: three at once, the fourth half a second later, and so on."""
    limit = Rate(2, 3)
    assert [limit.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.take("a", 0.25) == 0.25
    assert limit.take("a", 0.5) == 0
    assert limit.take("a", 0.5) == 0.5


def test_who_is_refused_pays_nothing() -> None:
    """However often somebody asks too early, they may ask again when they were told."""
    limit = Rate(1, 1)
    assert limit.take("a", 0.0) == 0
    assert [limit.take("a", 0.5) for _ in range(10)] == [0.5] * 10
    assert limit.take("a", 1.0) == 0


def test_each_caller_has_their_own() -> None:
    """One who asks too often costs nobody else a request."""
    limit = Rate(1, 1)
    assert limit.take("a", 0.0) == 0
    assert limit.take("a", 0.0) == 1
    assert limit.take("b", 0.0) == 0


def test_a_long_silence_saves_no_more_than_the_burst() -> None:
    """After a day somebody may ask as often at once as in the beginning."""
    limit = Rate(1, 2)
    assert limit.take("a", 0.0) == 0
    assert [limit.take("a", 86_400.0) for _ in range(3)] == [0, 0, 1]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many callers the one who has not asked for the longest is forgotten."""
    monkeypatch.setattr(rate, "MOST_CALLERS", 2)
    limit = Rate(0.1, 1)
    for caller in ("a", "b", "a", "c"):
        limit.take(caller, 0.0)
    assert set(limit._free_at) == {"a", "c"}
