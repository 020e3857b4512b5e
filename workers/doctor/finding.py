"""One finding of the doctor's."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    """As it should be."""
    WARN = "warn"
    """Works, but somebody should look."""
    FAIL = "fail"
    """Something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found."""

    check: str
    level: Level
    says: str
    todo: str = ""
    """What to do about it."""


def ok(check: str, says: str) -> Finding:
    """Find that all is well."""
    return Finding(check, Level.OK, says)


def warn(check: str, says: str, todo: str) -> Finding:
    """Find what somebody should look at."""
    return Finding(check, Level.WARN, says, todo)


def fail(check: str, says: str, todo: str) -> Finding:
    """Find what does not work."""
    return Finding(check, Level.FAIL, says, todo)
