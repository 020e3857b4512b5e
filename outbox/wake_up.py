"""Wake-ups: lanes that got deliveries become due, and those that got some back look again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from outbox import due
from outbox.database import Connection
from outbox.lane import lock


class Work(NamedTuple):
    """What a lane got in this transaction."""

    type: str
    """Of the first of its new deliveries."""
    urgent: bool
    """One of them is urgent."""
    expires_at: datetime | None
    """When the first of them expires."""

    def and_(self, later: "Work") -> "Work":
        """Add what comes behind."""
        ends = later.expires_at
        if ends is None or (self.expires_at is not None and self.expires_at < ends):
            ends = self.expires_at
        return Work(self.type, self.urgent or later.urgent, ends)


# Idle lanes become due; leased ones look for themselves when their attempt ends. What is urgent hurries any lane. A
# lane that waits waits on, but for one whose head quiet hours hold back: that cannot keep back what cannot wait.
WAKE = """
update outbox.lane l set
  due_at = case
    when l.lease_until is not null then null
    when l.due_at is null then greatest(now(), l.ready_at)
    when l.due_at > now() and (a.urgent or (a.expires_at > now() and a.expires_at <= l.due_at)) and (
      select d.reason from outbox.delivery d
      where d.lane_id = any(array[a.lane_id]) and d.phase = 'open' and d.state = 'pending'
      order by d.lane_id, d.id limit 1
    ) = 'quiet_hours' then greatest(now(), l.ready_at)
    else l.due_at
  end,
  head_type = case when l.due_at is null and l.lease_until is null then a.head_type else l.head_type end,
  urgent = l.urgent or a.urgent
from unnest($1::bigint[], $2::text[], $3::boolean[], $4::timestamptz[]) a (lane_id, head_type, urgent, expires_at)
where l.id = any(array[a.lane_id]) and (
  (l.due_at is null and l.lease_until is null) or (a.urgent and not l.urgent)
  or (l.due_at > now() and a.expires_at <= l.due_at)
)
"""


async def wake(conn: Connection, works: Mapping[int, Work]) -> None:
    """Make lanes due that got deliveries in this transaction.

    Two statements: only one that starts after the lock sees whether a lane has just gone idle.
    """
    if works:
        lanes, added = list(works), list(works.values())
        await lock(conn, lanes)
        await conn.execute(
            WAKE,
            lanes,
            [work.type for work in added],
            [work.urgent for work in added],
            [work.expires_at for work in added],
        )


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
