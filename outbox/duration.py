"""Lengths of time as people write them in settings, options and the catalog: 90m, 24h, 30d, 2w."""

import re
from datetime import timedelta

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DURATION = re.compile(r"([0-9]{1,10})([smhdw])")
LONGEST = timedelta(days=36_500)
WORDS = "it must be an age such as 90m, 24h, 30d or 2w, at most 36500d"


def duration(text: str) -> timedelta:
    """Read a length of time.

    Raises:
        ValueError: it is none, or longer than a hundred years.

    """
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(WORDS)
    # the seconds are counted as a number: a timedelta would overflow before it can be compared
    length = int(found[1]) * timedelta(**{UNITS[found[2]]: 1}).total_seconds()
    if length > LONGEST.total_seconds():
        raise ValueError(WORDS)
    return timedelta(seconds=length)
