"""Wake-ups: lanes that got deliveries become due, and those that got some back look again."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from outbox.database import Connection
from outbox.lane import lock


class Work(NamedTuple):
    """What a lane got in this transaction."""

    head: int
    """The first of its new deliveries."""
    type: str
    """Of the first."""
    urgent: bool
    """One of them is urgent."""
    expires_at: datetime | None
    """When the first of them expires."""

    def and_(self, later: "Work") -> "Work":
        """Add what comes behind."""
        ends = later.expires_at
        if ends is None or (self.expires_at is not None and self.expires_at < ends):
            ends = self.expires_at
        return Work(self.head, self.type, self.urgent or later.urgent, ends)


# An idle lane goes into a run; one that stands in one, or waits, learns only what cannot wait there.
WAKE = "select outbox.wake_lanes($1, $2, $3, $4, $5)"


async def wake(conn: Connection, works: Mapping[int, Work]) -> None:
    """Make lanes due that got deliveries in this transaction."""
    if works:
        lanes = sorted(works)
        added = [works[lane] for lane in lanes]
        await conn.execute(
            WAKE,
            lanes,
            [work.head for work in added],
            [work.type for work in added],
            [work.urgent for work in added],
            [work.expires_at for work in added],
        )


# what stands in no run -> due, waiting or idle, by what waits in it now
REQUEUE = "select outbox.requeue($1)"


async def requeue(conn: Connection, lanes: Collection[int]) -> None:
    """Put lanes right in which deliveries have come back in this transaction, perhaps before their heads, or ended.

    Two statements: only one that starts after the lock sees whether a lane has just gone idle.
    """
    if lanes:
        await lock(conn, lanes)
        await conn.execute(REQUEUE, list(lanes))
