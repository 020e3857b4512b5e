"""How a migration waits for locks: briefly, again and again, so that nobody has to wait behind it.

Whoever wants a table that a migration waits for stands in line behind it, even to read. So each wait is short, the
whole file is rolled back with it, and between two tries those who stood in line go first.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

Result = TypeVar("Result")

LOCK_TIMEOUT_MS = 200
"""How long one statement waits for a lock. A file may lock up to four tables that are in use, one after another: others
then stand in line for 0.8 s at most."""

CONCURRENT_LOCK_TIMEOUT_S = 600
"""How long an index that is built or dropped concurrently waits for older transactions: it is in nobody's way."""

PATIENCE_S = 300.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0

OWN_TIMEOUT = re.compile(r"^set (?:local )?lock_timeout = '[^']*';[ \t]*\n", re.MULTILINE)
"""What a file sets for people who apply it by hand, who cannot try it thirty times."""

IN_THE_WAY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


def without_own_timeout(sql: str) -> str:
    """Leave the wait for locks to whoever runs the file."""
    return OWN_TIMEOUT.sub("", sql)


async def insist(attempt: Callable[[], Awaitable[Result]], say: Callable[[str], None]) -> Result:
    """Try until no lock is in the way, with growing pauses; whatever else fails is raised as it is.

    Raises:
        asyncpg.LockNotAvailableError: one still was after five minutes.
        asyncpg.DeadlockDetectedError: likewise.

    """
    clock = asyncio.get_running_loop()
    ends, pause = clock.time() + PATIENCE_S, FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except IN_THE_WAY:
            if clock.time() + pause > ends:
                raise
        say(f"waits for a lock that others hold, tries again in {pause:g} s")
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
