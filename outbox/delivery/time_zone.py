"""Time zones of the IANA database, by their names."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo


def find_zone(name: str) -> ZoneInfo | None:
    """Return the zone of this name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name of a zone at all, a folder of zones
        return None


def zone_or_utc(name: str | None) -> tzinfo:
    """Return the zone of this name; UTC if it is missing or unknown."""
    return (find_zone(name) if name else None) or UTC
