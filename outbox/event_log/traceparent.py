"""The trace that an event belongs to, as W3C Trace Context writes it: `00-<trace>-<parent span>-<flags>`."""

import re
from dataclasses import dataclass
from typing import Self

from outbox.database.connection import Connection

SHAPE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
LATER = re.compile(r"(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.DOTALL)
"""A version that there is not yet may have more fields; its first four mean the same."""
SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Traceparent:
    """Where in which trace a piece of work belongs."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits: the span that the work is a child of."""
    flags: int = SAMPLED

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """Read a header or a row; None for what is missing or malformed, which is as good as missing."""
        found = text and (SHAPE.fullmatch(text) or LATER.fullmatch(text))
        if not found:
            return None
        trace_id, span_id, flags = found.groups()
        if not (trace_id.strip("0") and span_id.strip("0")):
            return None
        return cls(trace_id, span_id, int(flags, 16))

    def __str__(self) -> str:
        """Write it in the version that everybody reads."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


# read by the default of outbox.event.traceparent
BIND = "select set_config('outbox.traceparent', $1, true)"


async def bind(conn: Connection, traceparent: Traceparent) -> None:
    """Let all events of the connection's transaction belong to this trace."""
    await conn.execute(BIND, str(traceparent))


def trace_id_of(text: str | None) -> str | None:
    """Tell which trace this is about, for a log line."""
    found = None if text is None else Traceparent.read(text)
    return None if found is None else found.trace_id
