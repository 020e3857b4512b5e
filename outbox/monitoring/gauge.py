"""What the gauges show: a look at the outbox that costs the same however much waits, for metrics and health.

`outbox.monitoring.backlog` is the look for an operator who has asked, and who wants everything exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from outbox.database.connection import Connection
from outbox.monitoring import table_size
from outbox.monitoring.backlog import LAG
from outbox.monitoring.open_count import Counted, count

MEASURE_EVERY_S = 30.0
"""How often the tables' sizes are looked at."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One look."""

    deliveries: dict[str, dict[str, int]] = field(default_factory=dict)
    """Not finished, by channel and state: pending, sending, dead, unknown."""
    estimated: list[str] = field(default_factory=list)
    """States of which there were too many to count (see `outbox.monitoring.count_estimate`)."""
    oldest_due: dict[str, float] = field(default_factory=dict)
    """Seconds that the longest due lane of a channel has been due."""
    oldest_dead: dict[str, float] = field(default_factory=dict)
    """Age in seconds of the oldest dead letter of a channel."""
    relay_lag: float = 0.0
    """Seconds since the oldest event was emitted that the relay has not read."""
    oldest_transaction: float = 0.0
    """Age in seconds of the oldest writing transaction that is open in this cluster."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Events that the relay has set aside, by reason; counted up to 10,000 of each."""
    unrouted_types: list[str] = field(default_factory=list)
    """Three of the types that the catalog does not know."""
    oldest_unrouted: float = 0.0
    """Seconds since the oldest event of an unknown type was set aside; of 100 types at the most."""
    bytes: dict[str, int] = field(default_factory=dict)
    """What each table takes on the disk."""
    measured_at: float = 0.0
    """When that was measured, as Unix time."""


def of(content: Mapping[str, Any]) -> Gauge:
    """Read what a look has found, which may be one of another version."""
    known = {one.name for one in fields(Gauge)}
    return Gauge(**{name: value for name, value in content.items() if name in known})


# the first run of each channel, type and urgency: one look-up for each; and what is due and in no run yet
OLDEST_DUE = """
with recursive head as (
  (
    select channel, urgent, type, due_at from outbox.run
    where lease_until is null order by channel, urgent, type, due_at limit 1
  )
  union all
  select n.channel, n.urgent, n.type, n.due_at from head h cross join lateral (
    select r.channel, r.urgent, r.type, r.due_at from outbox.run r
    where r.lease_until is null and (r.channel, r.urgent, r.type) > (h.channel, h.urgent, h.type)
    order by r.channel, r.urgent, r.type, r.due_at limit 1
  ) n
)
select channel, extract(epoch from now() - min(due_at))::float8 as seconds
from (
  select channel, due_at from head
  union all
  select c.channel, l.due_at from unnest(array['inapp', 'telegram']) c (channel) cross join lateral (
    select due_at from outbox.lane where channel = c.channel and due_at is not null order by due_at limit 1
  ) l
) d group by 1
"""


# each reason by an index of its own; of what is unrouted one row for each type, the first
WAITING = """
with recursive kind as (
  (select type, since from outbox.waiting where reason = 'unrouted' order by type, id limit 1)
  union all
  select n.type, n.since from kind k cross join lateral (
    select w.type, w.since from outbox.waiting w
    where w.reason = 'unrouted' and w.type > k.type order by w.type, w.id limit 1
  ) n
)
select
  (select count(*) from (
    select from outbox.waiting where reason = 'scheduled' and due_at > '-infinity' order by due_at limit $1
  ) few) as scheduled,
  (select count(*) from (
    select from outbox.waiting where reason = 'unrouted' order by type, id limit $1
  ) few) as unrouted,
  (select coalesce(array_agg(type), '{}') from (select type from kind limit 3) few) as types,
  (select coalesce(extract(epoch from clock_timestamp() - min(since))::float8, 0) from (
    select since from kind limit 100
  ) few) as seconds
"""
MOST_WAITING = 10_000


async def look(conn: Connection, before: Gauge, now: float) -> Gauge:
    """Take a look. What would have taken too long, or is looked at now and then only, is as it was seen before."""
    counted = await count(conn) or Counted(before.deliveries, before.estimated, before.oldest_dead)
    lanes = await conn.fetch(OLDEST_DUE)
    ((lag, transaction),) = await conn.fetch(LAG)
    (waiting,) = await conn.fetch(WAITING, MOST_WAITING)
    sizes = None if abs(now - before.measured_at) < MEASURE_EVERY_S else await table_size.measure(conn)
    return Gauge(
        deliveries=counted.deliveries,
        estimated=counted.estimated,
        oldest_due={row["channel"]: max(0.0, row["seconds"]) for row in lanes},
        oldest_dead=counted.oldest_dead,
        relay_lag=lag,
        oldest_transaction=transaction,
        waiting={reason: waiting[reason] for reason in ("scheduled", "unrouted")},
        unrouted_types=waiting["types"],
        oldest_unrouted=waiting["seconds"],
        bytes=sizes or before.bytes,
        measured_at=now if sizes else before.measured_at,
    )
