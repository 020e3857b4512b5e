"""Time zones as people choose them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from outbox.delivery.time_zone import zone_or_utc
from telegram.bot.zone import OFFSETS, ZONES, zone_label, zone_name

JULY = datetime(2026, 7, 1, 12, tzinfo=UTC)
JANUARY = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_there_are_24_clocks() -> None:
    """Each hour of the day stands on one button."""
    hours = {JULY.astimezone(ZoneInfo(name)).hour for name in ZONES.values()}
    assert (len(ZONES), len(hours)) == (24, 24)


@pytest.mark.parametrize("hours", OFFSETS)
def test_a_zone_is_as_far_ahead_as_it_says(hours: int) -> None:
    """The database of zones counts the other way round; people do not see that."""
    assert JULY.astimezone(ZoneInfo(zone_name(hours))).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("name", "now", "label"),
    [
        (None, JULY, "UTC"),
        ("Etc/GMT", JULY, "UTC"),
        ("Etc/GMT-3", JULY, "UTC+3"),
        ("Etc/GMT+11", JULY, "UTC-11"),
        ("Europe/Berlin", JULY, "Europe/Berlin, UTC+2"),
        ("Europe/Berlin", JANUARY, "Europe/Berlin, UTC+1"),
        ("Asia/Kolkata", JULY, "Asia/Kolkata, UTC+5:30"),
        ("America/St_Johns", JANUARY, "America/St_Johns, UTC-3:30"),
        ("Mars/Olympus", JULY, "UTC"),
        ("../etc/passwd", JULY, "UTC"),
    ],
)
def test_a_zone_in_words(name: str | None, now: datetime, label: str) -> None:
    """An offset by itself, a named zone with its offset of the day, and what is none as UTC."""
    assert zone_label(name, now) == label


def test_an_unknown_zone_is_utc() -> None:
    """As it is for quiet hours."""
    assert zone_or_utc("Mars/Olympus") is UTC
