"""Wake-ups: lanes that got deliveries back look again; what got new ones is woken by `outbox.wake_lanes`."""

from collections.abc import Sequence

from outbox import due
from outbox.database import Connection
from outbox.lane import lock

# due, idle -> due or idle, by what waits in them now; a leased lane learns only whether something urgent does
REQUEUE = due.NEXT.join(
    (
        """
update outbox.lane l set
  due_at = case when l.lease_until is null and n.due_at is not null then greatest(now(), n.due_at, l.ready_at) end,
  head_type = coalesce(n.type, ''),
  -- with a limit it stays a look-up for each lane; an `exists` may be planned as one pass through all that is urgent
  urgent = (
    select true from outbox.delivery u
    where u.lane_id = l.id and u.phase = 'open' and u.urgent limit 1
  ) is true
from unnest($1::bigint[]) a (lane_id)
""",
        """
where l.id = any(array[a.lane_id])
""",
    )
)


async def requeue(conn: Connection, lanes: Sequence[int]) -> None:
    """Put lanes right in which deliveries have come back in this transaction, perhaps before their heads."""
    if lanes:
        await lock(conn, lanes)
        await conn.execute(REQUEUE, lanes)
