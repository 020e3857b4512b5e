"""Wake-ups: lanes that got deliveries back, or lost some, are looked at again.

What the relay adds wakes its lanes in the same transaction (see `outbox.wake_lanes` in the database).
"""

from collections.abc import Collection

from outbox.database.connection import Connection
from outbox.lane.lane_claim import lock

# by what waits in them now: in no run -> due, waiting or idle; in one that nobody has claimed -> where it belongs
REQUEUE = "select outbox.requeue($1)"


async def requeue(conn: Connection, lanes: Collection[int]) -> None:
    """Put lanes right in which deliveries have come back in this transaction, perhaps before their heads, or ended.

    Two statements: only one that starts after the lock sees whether a lane has just gone idle.
    """
    if lanes:
        await lock(conn, lanes)
        await conn.execute(REQUEUE, list(lanes))
