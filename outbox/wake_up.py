"""Wake-ups: lanes that got deliveries become due, and those that got some back look again."""

from collections.abc import Sequence
from typing import NamedTuple

from outbox.database import Connection
from outbox.lane import lock


class Added(NamedTuple):
    """What a lane got in this transaction."""

    lane_id: int
    type: str
    """Type of the first of its new deliveries."""
    urgent: bool
    """One of them is urgent."""


# idle lanes become due; leased ones look for themselves when their attempt ends. What is urgent hurries any lane.
WAKE = """
update outbox.lane l set
  due_at = case when l.due_at is null and l.lease_until is null then greatest(now(), l.ready_at) else l.due_at end,
  head_type = case when l.due_at is null and l.lease_until is null then a.head_type else l.head_type end,
  urgent = l.urgent or a.urgent
from unnest($1::bigint[], $2::text[], $3::boolean[]) a (lane_id, head_type, urgent)
where l.id = a.lane_id and ((l.due_at is null and l.lease_until is null) or (a.urgent and not l.urgent))
"""


async def wake(conn: Connection, added: Sequence[Added]) -> None:
    """Make lanes due that got deliveries in this transaction.

    Two statements: only one that starts after the lock sees whether a lane has just gone idle.
    """
    if added:
        lanes = [one.lane_id for one in added]
        await lock(conn, lanes)
        await conn.execute(WAKE, lanes, [one.type for one in added], [one.urgent for one in added])


# due, idle -> due or idle, by what waits in them now; a leased lane learns only whether something urgent does
REQUEUE = """
update outbox.lane l set
  due_at = case when l.lease_until is null and n.due_at is not null then greatest(now(), n.due_at, l.ready_at) end,
  head_type = coalesce(n.type, ''),
  -- with a limit it stays a look-up for each lane; an `exists` may be planned as one pass through all that is urgent
  urgent = (
    select true from outbox.delivery u
    where u.lane_id = l.id and u.phase = 'open' and u.urgent limit 1
  ) is true
from unnest($1::bigint[]) a (lane_id)
left join lateral (
  select d.due_at, e.type from outbox.delivery d left join outbox.event e on e.id = d.event_id
  where d.lane_id = a.lane_id and d.phase = 'open' and d.state = 'pending' order by d.id limit 1
) n on true
where l.id = a.lane_id
"""


async def requeue(conn: Connection, lanes: Sequence[int]) -> None:
    """Put lanes right in which deliveries have come back in this transaction, perhaps before their heads."""
    if lanes:
        await lock(conn, lanes)
        await conn.execute(REQUEUE, lanes)
