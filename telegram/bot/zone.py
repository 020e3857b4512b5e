"""Time zones as people choose them: by the time that it is there now."""

from datetime import UTC, datetime, timedelta

from outbox.delivery.time_zone import zone_or_utc

OFFSETS = range(-11, 13)
"""Whole hours before or behind UTC: 24 buttons."""
FIXED = "Etc/GMT"


def zone_name(hours: int) -> str:
    """Name the fixed zone that is so many hours ahead of UTC; the database of zones counts the other way round."""
    return f"{FIXED}{-hours:+d}" if hours else FIXED


ZONES = {str(hours): zone_name(hours) for hours in OFFSETS}
"""By the hours as a button's data writes them."""


def zone_label(name: str | None, now: datetime) -> str:
    """Write a zone for people: `UTC+3`, and before it the name of one that is not just an offset."""
    zone = zone_or_utc(name)
    offset = f"UTC{_written(now.astimezone(zone).utcoffset() or timedelta(0))}"
    return offset if name is None or zone is UTC or name.startswith("Etc/") else f"{name}, {offset}"


def _written(offset: timedelta) -> str:
    if not offset:
        return ""
    minutes = abs(offset) // timedelta(minutes=1)
    hours, rest = divmod(minutes, 60)
    return f"{'-' if offset < timedelta(0) else '+'}{hours}" + (f":{rest:02d}" if rest else "")
