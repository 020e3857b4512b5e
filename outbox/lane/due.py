"""What is due: how many lanes of each type may be claimed now, and when the next one may."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel


@dataclass(frozen=True, slots=True)
class Due:
    """One look at the lanes of a channel."""

    urgent: int
    """Due lanes in which something urgent waits, counted no further than was asked for."""
    types: Mapping[str, int]
    """The other due lanes by the type of their heads, counted no further than that either."""
    wait: timedelta | None
    """How long until the next lane is due: zero when one is, None when none waits."""


# One look-up for each type in the index of what nobody has claimed, and another one for its first runs. Where as many
# types are due as lanes are asked for, no type can get a second lane: then one of each is enough.
LOOK = """
with recursive kind as (
  (select urgent, type from outbox.run where channel = $1 and lease_until is null order by urgent, type limit 1)
  union all
  select n.urgent, n.type from kind k cross join lateral (
    select r.urgent, r.type from outbox.run r
    where r.channel = $1 and r.lease_until is null and (r.urgent, r.type) > (k.urgent, k.type)
    order by r.urgent, r.type limit 1
  ) n
),
few as materialized (select urgent, type, count(*) over () < $2 as few from kind)
select k.urgent, k.type, r.wait, r.lanes
from few k cross join lateral (
  select greatest(min(due_at) - now(), interval '0') as wait, least(
      coalesce(sum(cardinality(lanes)) filter (where due_at <= now()), 0),
      case when k.few or k.urgent then $2 else 1 end
    )::bigint as lanes
  from (
    select due_at, lanes from outbox.run r
    where r.channel = $1 and r.lease_until is null and r.urgent = k.urgent and r.type = k.type
    order by r.due_at, r.id limit $3
  ) r
) r
union all
(
  select null, null, greatest(due_at - now(), interval '0'), 0 from outbox.lane
  where channel = $1 and due_at is not null order by due_at limit 1
)
"""

RUNS = 64
"""Looked at of each type: more than a worker claims at once, unless most of them have one lane."""

PROMOTE = "select outbox.promote($1, $2)"

PROMOTED = 1_000
"""Lanes that go from waiting into runs in one transaction."""

NOW = timedelta(0)


async def look(conn: Connection, channel: Channel, most: int) -> Due:
    """Look at what is due, and count up to `most` lanes of each kind; lanes that waited and are due go into runs."""
    rows = await conn.fetch(LOOK, channel, most, RUNS)
    if any(row["type"] is None and row["wait"] == NOW for row in rows):
        await conn.execute(PROMOTE, channel, PROMOTED)
        rows = await conn.fetch(LOOK, channel, most, RUNS)
    return Due(
        urgent=sum(row["lanes"] for row in rows if row["urgent"]),
        types={row["type"]: row["lanes"] for row in rows if row["urgent"] is False and row["lanes"]},
        wait=min((row["wait"] for row in rows), default=None),
    )
