"""Turns: one worker at a time looks at the outbox, and what it has found stands in one row for all of them to show.

No lock is held while somebody looks: who dies over it loses a turn, and the next one is another's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from outbox.database.connection import Connection

Content: TypeAlias = Mapping[str, Any]
"""What was found, ready for JSON. Workers of two versions may share it: take what is known, miss what is not there."""


@dataclass(frozen=True, slots=True)
class Term:
    """Whoever holds it looks."""

    number: int
    """What is found counts only as long as nobody has taken a newer turn."""
    before: Content
    """What the last look has found."""
    now: float
    """When it was taken: the database's Unix time."""


# a time that lies ahead is from before the clock was set back
TAKE = """
update outbox.gauge set turn = turn + 1, taken_at = clock_timestamp()
where taken_at not between clock_timestamp() - $1::interval and clock_timestamp()
returning turn, content, extract(epoch from taken_at)::float8 as now
"""


async def take(conn: Connection, every: timedelta) -> Term | None:
    """Take the next turn when the last one was taken that long ago; None: it is too early, or another was first."""
    row = await conn.fetchrow(TAKE, every)
    return None if row is None else Term(*row)


END = "update outbox.gauge set content = $2, looked_at = clock_timestamp() where turn = $1"


async def end(conn: Connection, turn: Term, found: Content) -> bool:
    """Write what was found; say whether nobody has taken a newer turn meanwhile."""
    return await conn.execute(END, turn.number, dict(found)) == "UPDATE 1"


@dataclass(frozen=True, slots=True)
class LeaderReading:
    """What the newest look has found."""

    content: Content
    age: float | None
    """Seconds since then; None: nobody has looked yet."""


READ = "select content, extract(epoch from clock_timestamp() - looked_at)::float8 as age from outbox.gauge"


# after a crash of the server the table is empty
MAKE = "insert into outbox.gauge default values on conflict do nothing"


async def read(conn: Connection) -> LeaderReading:
    """Read what the newest look has found; where the row is lost, make it anew."""
    row = await conn.fetchrow(READ)
    if row is None:
        await conn.execute(MAKE)
        return LeaderReading({}, None)
    return LeaderReading(*row)
