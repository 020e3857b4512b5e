"""Ages and times as an operator types and reads them."""

from datetime import UTC, datetime, timedelta

import pytest

from workers.command.age import moment, spoken
from workers.settings import SettingsError


@pytest.mark.parametrize(("text", "age"), [("90m", 90 * 60), ("24h", 24 * 3600), ("7d", 7 * 86_400), ("30s", 30)])
def test_an_age_lies_so_far_back(text: str, age: int) -> None:
    """An age is so many seconds, minutes, hours or days before now."""
    earliest = datetime.now(UTC) - timedelta(seconds=age)
    assert earliest <= moment("--older", text) <= datetime.now(UTC) - timedelta(seconds=age)


def test_a_time_is_that_time() -> None:
    """A time with a zone is what it says; one without is local."""
    assert moment("--since", "2026-01-31T12:00+03:00") == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert moment("--since", "2026-01-31T12:00") == datetime(2026, 1, 31, 12).astimezone()


@pytest.mark.parametrize("text", ["", "h", "5w", "-1h", "1.5h", "yesterday", "9999999999d", "0001-01-01T00:00+05:00"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    """What is neither is refused with the option's name."""
    with pytest.raises(SettingsError, match=r"^--newer "):
        moment("--newer", text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0s"),
        (59, "59s"),
        (60, "1m 0s"),
        (725, "12m 5s"),
        (3_600, "1h 0m"),
        (273_900, "3d 4h"),
        (864_000, "10d 0h"),
    ],
)
def test_an_age_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    """How long something has lasted is said in its two largest units."""
    assert spoken(seconds) == words
