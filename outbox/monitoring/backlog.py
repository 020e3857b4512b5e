"""The backlog: what waits, how long it has waited, and what an operator must look at.

Everything is counted, which takes seconds where millions wait: for an operator who has asked. What the metrics show
is `outbox.monitoring.gauge`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from outbox.database.connection import Connection


@dataclass(frozen=True, slots=True)
class Backlog:
    """One look at the outbox."""

    deliveries: dict[str, dict[str, int]] = field(default_factory=dict)
    """Not finished, by channel and state: pending, sending, dead, unknown."""
    oldest_due: dict[str, float] = field(default_factory=dict)
    """Seconds that the longest due lane of a channel has been due."""
    oldest_dead: dict[str, float] = field(default_factory=dict)
    """Age in seconds of the oldest dead letter of a channel."""
    oldest_unknown: dict[str, float] = field(default_factory=dict)
    """Age in seconds of the oldest unknown outcome of a channel that waits for an operator."""
    possible_duplicates: int = 0
    """Attempts that may have arrived and were sent again, since rows are kept."""
    relay_lag: float = 0.0
    """Seconds since the oldest event was emitted that the relay has not read."""
    scheduled: int = 0
    unrouted: int = 0
    """Events that wait since the catalog does not know their type."""
    lanes_due: int = 0
    lanes_leased: int = 0
    oldest_transaction: float = 0.0
    """Age in seconds of the oldest writing transaction that is open in this cluster."""
    cursor_moved_at: datetime | None = None


# What is open stands in lanes that are in a run or wait, from their heads on; besides, what came back before. A lane
# whose head has ended under a lease stands elsewhere by now.
DELIVERIES = """
select channel, state, count(*), null::float8 as oldest_seconds
from (
  select l.channel, case when l.leased and d.id = l.head then 'sending' else d.state end as state
  from (
    select r.channel, r.lease_until is not null as leased, h.lane_id, h.head
    from outbox.run r cross join lateral unnest(r.lanes, r.heads) h (lane_id, head)
    union all
    select channel, false, id, head from outbox.lane where due_at is not null
  ) l
  cross join lateral (
    select d.id, d.state from outbox.delivery d where d.lane_id = l.lane_id and d.id >= l.head and d.phase = 'open'
    union all
    select d.id, d.state from outbox.delivery d
    where d.lane_id = l.lane_id and d.id < l.head and d.back and d.phase = 'open'
  ) d
  where not l.leased
    or (select o.phase from outbox.delivery o where o.id = any(array[l.head]) order by o.id limit 1) = 'open'
) d group by 1, 2
union all
select channel, state, count(*), extract(epoch from now() - min(settled_at))::float8
from outbox.delivery where stuck group by 1, 2
"""

# lanes that have gone into a run, and those that are due and have not yet
LANES = """
select channel, sum(lanes)::bigint as due, extract(epoch from now() - min(due_at))::float8 as seconds
from (
  select channel, due_at, cardinality(lanes) as lanes from outbox.run where lease_until is null and due_at <= now()
  union all
  select channel, due_at, (due_at <= now())::integer from outbox.lane where due_at is not null
) l group by 1
"""

# the oldest event beyond the cursor, and that of each transaction that was open when the cursor passed
LAG = """
select
  coalesce((select extract(epoch from clock_timestamp() - min(e.created_at))::float8
    from outbox.cursor c, lateral (
      (select created_at from outbox.event e
       -- where the index is entered: by a comparison with (0, 0) it would be everything that the log keeps
       where (e.xid, e.id) > (
         greatest(c.at_xid, pg_snapshot_xmax(c.low)),
         case when c.at_xid >= pg_snapshot_xmax(c.low) then c.at_id else 0 end
       )
       order by e.xid, e.id limit 1)
      union all
      select o.created_at from pg_snapshot_xip(c.low) x cross join lateral (
        select created_at from outbox.event e
        where (e.xid, e.id) <= (x, 9223372036854775807) and (e.xid, e.id) > (
          x, case when x < c.at_xid then 9223372036854775807 when x = c.at_xid then c.at_id else 0 end
        )
        order by e.xid, e.id limit 1
      ) o
    ) e where c.consumer = 'relay'), 0) as lag,
  coalesce((select extract(epoch from clock_timestamp() - min(xact_start))::float8 from pg_stat_activity
    where backend_xid is not null and pid <> pg_backend_pid()), 0) as oldest_transaction
"""

REST = """
select
  (select count(*) from outbox.waiting where reason = 'scheduled') as scheduled,
  (select count(*) from outbox.waiting where reason = 'unrouted') as unrouted,
  (
    select count(*) from outbox.sending s join outbox.delivery d on d.id = s.delivery_id where d.phase = 'open'
  ) as leased,
  (select count(*) from outbox.attempt where resent) as possible_duplicates,
  (select moved_at from outbox.cursor where consumer = 'relay') as moved_at
"""


async def look(conn: Connection) -> Backlog:
    """Take one look at the outbox, and count everything."""
    deliveries: dict[str, dict[str, int]] = {}
    oldest: dict[str, dict[str, float]] = {"dead": {}, "unknown": {}}
    for channel, state, count, seconds in await conn.fetch(DELIVERIES):
        deliveries.setdefault(channel, {})[state] = count
        if state in oldest:
            oldest[state][channel] = seconds
    lanes = await conn.fetch(LANES)
    ((lag, oldest_transaction),) = await conn.fetch(LAG)
    (rest,) = await conn.fetch(REST)
    return Backlog(
        deliveries=deliveries,
        oldest_due={row["channel"]: max(0.0, row["seconds"]) for row in lanes},
        oldest_dead=oldest["dead"],
        oldest_unknown=oldest["unknown"],
        possible_duplicates=rest["possible_duplicates"],
        relay_lag=lag,
        scheduled=rest["scheduled"],
        unrouted=rest["unrouted"],
        lanes_due=sum(row["due"] for row in lanes),
        lanes_leased=rest["leased"],
        oldest_transaction=oldest_transaction,
        cursor_moved_at=rest["moved_at"],
    )
