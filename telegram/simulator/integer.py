"""A number among a call's arguments."""

import re

from telegram.simulator.arguments import Arguments

_LEADING = re.compile(r"\s*(-?[0-9]{1,18})")


LARGEST_MESSAGE_ID = 2**31 - 1


def read_message_id(arguments: Arguments) -> int:
    """Read `message_id`; 0 when there is none."""
    return read_integer(arguments, "message_id", 0, 0, LARGEST_MESSAGE_ID)


def read_integer(arguments: Arguments, name: str, default: int, smallest: int, largest: int) -> int:
    """Read a number as the real server does: what is none is 0, what is out of bounds is moved to the bound."""
    source = arguments.get(name, "")
    if not source:
        return default
    match = _LEADING.match(source)
    return min(largest, max(smallest, int(match[1]) if match else 0))
