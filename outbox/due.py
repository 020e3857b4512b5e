"""What is due: how many lanes of each type may be claimed now, and when the next one may."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from outbox.channel import Channel
from outbox.database import Connection


@dataclass(frozen=True, slots=True)
class Due:
    """One look at the lanes of a channel."""

    urgent: int
    """Due lanes in which something urgent waits, counted no further than was asked for."""
    types: Mapping[str, int]
    """The other due lanes by the type of their heads, counted no further than that either."""
    wait: timedelta | None
    """How long until the next lane is due: zero when one is, None when none waits."""


# what comes next in each lane `a`: its type, and when; what quiet hours hold back goes at once where something behind
# it cannot wait until they are over
NEXT = """
left join lateral (
  select (select e.type from outbox.event e where e.id = any(array[d.event_id]) order by e.id limit 1) as type,
    case when d.reason = 'quiet_hours' and (
      select true from outbox.delivery u
      where u.lane_id = a.lane_id and u.phase = 'open' and u.state = 'pending'
        and (u.urgent or (u.expires_at > now() and u.expires_at <= d.due_at)) limit 1
    ) then now() else d.due_at end as due_at
  from outbox.delivery d
  where d.lane_id = any(array[a.lane_id]) and d.phase = 'open' and d.state = 'pending'
  order by d.lane_id, d.id limit 1
) n on true
"""

# One look-up for each type in the index by type and time, and another one for its first lanes. Where as many types are
# due as lanes are asked for, no type can get a second lane: then its first one is enough.
LOOK = """
with recursive head as (
  (
    select head_type, due_at, urgent from outbox.lane
    where channel = $1 and due_at is not null order by head_type, due_at limit 1
  )
  union all
  select n.head_type, n.due_at, n.urgent from head h cross join lateral (
    select l.head_type, l.due_at, l.urgent from outbox.lane l
    where l.channel = $1 and l.due_at is not null and l.head_type > h.head_type order by l.head_type, l.due_at limit 1
  ) n
),
kind as materialized (
  select head_type, due_at, urgent, count(*) filter (where due_at <= now()) over () < $2 as few from head
)
select head_type, greatest(due_at - now(), interval '0') as wait,
  (select count(*) from (
    select from outbox.lane where channel = $1 and urgent and due_at <= now() limit $2
  ) u) as urgent,
  case
    when due_at > now() then 0
    when not few then (not urgent)::integer
    else (select count(*) filter (where not c.urgent) from (
      select l.urgent from outbox.lane l
      where l.channel = $1 and l.head_type = kind.head_type and l.due_at between kind.due_at and now()
      order by l.due_at limit $2
    ) c)
  end as ordinary
from kind
"""


async def look(conn: Connection, channel: Channel, most: int) -> Due:
    """Look at what is due, and count up to `most` lanes of each kind."""
    rows = await conn.fetch(LOOK, channel, most)
    return Due(
        urgent=rows[0]["urgent"] if rows else 0,
        types={row["head_type"]: row["ordinary"] for row in rows if row["ordinary"]},
        wait=min((row["wait"] for row in rows), default=None),
    )
