"""Ages and times as an operator types and reads them."""

from datetime import UTC, datetime, timedelta

import pytest

from outbox.catalog.event_type import read_types
from outbox.catalog.toml_table import TomlTable
from workers.command.age import age, moment, spoken
from workers.configuration.settings import SettingsError, load


@pytest.mark.parametrize(("text", "age"), [("90m", 90 * 60), ("24h", 24 * 3600), ("7d", 7 * 86_400), ("30s", 30)])
def test_an_age_lies_so_far_back(text: str, age: int) -> None:
    """An age is so many seconds, minutes, hours or days before now."""
    earliest = datetime.now(UTC) - timedelta(seconds=age)
    assert earliest <= moment("--older", text) <= datetime.now(UTC) - timedelta(seconds=age)


def test_a_time_is_that_time() -> None:
    """A time with a zone is what it says; one without is local."""
    assert moment("--since", "2026-01-31T12:00+03:00") == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert moment("--since", "2026-01-31T12:00") == datetime(2026, 1, 31, 12).astimezone()


@pytest.mark.parametrize("text", ["", "h", "5y", "-1h", "1.5h", "yesterday", "9999999999d", "0001-01-01T00:00+05:00"])
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


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", timedelta(0)),
        ("20s", timedelta(seconds=20)),
        ("90m", timedelta(minutes=90)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(days=14)),
    ],
)
def test_an_age_is_a_length_of_time(text: str, length: timedelta) -> None:
    """An age is so many seconds, minutes, hours, days or weeks."""
    assert age("--older-than", text) == length


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "1.5h", "1y", "5215w", "36501d", "99999999999d", "٣d", "1d\n"])
def test_what_is_no_age_is_refused_by_name(text: str) -> None:
    """What is none, or longer than a hundred years, is refused with the option's name and what it should look like."""
    with pytest.raises(SettingsError, match=r"^--older-than (.|\n)* such as 90m, 24h, 30d or 2w"):
        age("--older-than", text)


def test_settings_options_and_the_catalog_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of them takes as a length of time the others take, too."""
    kind = {"category": "c", "channels": ["telegram"], "ttl": "2w"}
    weeks = timedelta(weeks=2)
    monkeypatch.setenv("RETENTION", "2w")
    assert load().retention == weeks
    assert read_types(TomlTable("catalog.toml: types", {"order.paid": kind}))["order.paid"].ttl == weeks
    assert age("--older-than", "2w") == weeks
    assert moment("--since", "2w") <= datetime.now(UTC) - weeks
