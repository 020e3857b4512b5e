"""Ages and times as an operator types and reads them."""

from datetime import UTC, datetime, timedelta

from outbox.duration import UNITS, duration
from workers.configuration.settings import SettingsError

LENGTHS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def moment(option: str, text: str) -> datetime:
    """Read a time such as 2026-01-31T12:00, or an age such as 90m, 24h, 7d.

    Raises:
        SettingsError: it is neither; the message names the option.

    """
    try:
        if text[-1:] in UNITS and text[:-1].isdecimal():
            return datetime.now(UTC) - timedelta(**{UNITS[text[-1]]: int(text[:-1])})
        named = datetime.fromisoformat(text)
    except OverflowError:
        raise SettingsError(f"{option} {text} lies before all time") from None
    except ValueError:
        raise SettingsError(
            f"{option} {text} is neither a time such as 2026-01-31T12:00 nor an age such as 24h"
        ) from None
    try:
        return named.astimezone(UTC)
    except (OverflowError, ValueError):
        raise SettingsError(f"{option} {text} lies outside of all time") from None


def age(option: str, text: str) -> timedelta:
    """Read an age such as 90m, 24h, 7d.

    Raises:
        SettingsError: it is none; the message names the option.

    """
    try:
        return duration(text)
    except ValueError as fault:
        raise SettingsError(f"{option} {text} is malformed: {fault}") from None


def spoken(seconds: float) -> str:
    """Say how long something has lasted, in its two largest units: 3d 4h, 12m 5s."""
    left, parts = int(seconds), []
    for unit, length in LENGTHS_S.items():
        count, left = divmod(left, length)
        parts.append((count, unit))
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count}{unit}" for count, unit in parts[:2])
