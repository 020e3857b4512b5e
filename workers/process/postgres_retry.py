"""Patience with PostgreSQL: what counts as out of reach, and how long to wait before the next try."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from health import Check, CheckName, Health, Status
from outbox.database.connection import OUT_OF_REACH

__all__ = [
    "OUT_OF_REACH",
    "Backoff",
    "PostgresOutOfReachError",
    "answered",
    "wait_for",
    "watching_postgres",
]

SHORTEST_S, LONGEST_S = 0.05, 1.0


class PostgresOutOfReachError(Exception):
    """PostgreSQL does not answer; what was to be written must be tried again."""


@asynccontextmanager
async def watching_postgres(health: Health) -> AsyncIterator[None]:
    """Tell health when PostgreSQL does not answer inside the block; `answered` takes that back.

    Raises:
        PostgresOutOfReachError: it did not; the text of the driver stays inside, for it can hold a URL.

    """
    before = health.checks[CheckName.POSTGRES]
    try:
        yield
    except OUT_OF_REACH as fault:
        # a connection that broke a while ago is no news once PostgreSQL has answered again: the next try tells
        if health.checks[CheckName.POSTGRES] is before:
            health.record(CheckName.POSTGRES, Check(Status.UNHEALTHY, f"out of reach: {type(fault).__name__}"))
            health.fail("unavailable")
        raise PostgresOutOfReachError from None


def answered(health: Health, latency_ms: float | None = None) -> None:
    """Tell health that PostgreSQL has just answered, or that what answers is of no use.

    For those who have asked it and waited for nothing else: a block that ended well may have asked long ago.
    """
    fault = health.schema_fault
    status, detail = (Status.UNHEALTHY, fault) if fault else (Status.OK, "answers")
    health.record(CheckName.POSTGRES, Check(status, detail, latency_ms))


class Backoff:
    """Waits that double from one failure to the next and start anew after a success."""

    def __init__(self) -> None:
        self._next = SHORTEST_S

    def reset(self) -> None:
        """Note a success."""
        self._next = SHORTEST_S

    async def wait(self) -> None:
        """Wait after a failure."""
        await asyncio.sleep(self._next)
        self._next = min(self._next * 2, LONGEST_S)


async def wait_for(event: asyncio.Event, seconds: float | None) -> None:
    """Wait until the event is set, but no longer than that; None: as long as it takes."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
