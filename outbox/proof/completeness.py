"""The proof: events x recipients x channels = sent + pending + dead + expired + skipped + unknown."""

from dataclasses import dataclass, field
from datetime import datetime

from outbox.database.connection import FREE_PLANNER, Connection


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not accounted for."""

    fault: str
    """`lost`: behind the cursor, never relayed; `missing`: routed, but no record; `twice`: two records in one inbox;
    `orphan`: a record without its event or lane, or for somebody whom the event was not for."""
    event_id: int
    channel: str | None = None
    recipient: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What adds up, and what does not."""

    events: int
    waiting: int
    """Committed, but not relayed yet: ahead of the cursor, or set aside."""
    unrouted: int
    """Of those that wait: set aside since the catalog does not know their type."""
    discarded: int
    """Relayed to nobody, since the catalog did not know their type."""
    expected: int
    """Events x recipients x channels of what was relayed."""
    states: dict[str, dict[str, int]] = field(default_factory=dict)
    """Deliveries and notifications by channel and state; `sending` counts as pending."""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def accounted(self) -> int:
        """Add up all states of all channels."""
        return sum(count for states in self.states.values() for count in states.values())

    @property
    def holds(self) -> bool:
        """Tell whether everything adds up."""
        return not self.gaps and self.accounted == self.expected


# Where each event was sent: one row for each that the ledger holds; without channels: nowhere.
RELAYED = """(
  select e.id as event_id, e.created_at, e.recipients, coalesce(t.channels, '{}') as channels
  from outbox.batch b
  cross join lateral unnest(b.events) r
  cross join lateral generate_series(lower(r), upper(r) - 1) n (id)
  join outbox.event e on e.id = n.id
  left join outbox.route t on t.routing = b.routing and t.type = e.type
) r
"""

TOTALS = RELAYED.join(
    (
        """
select count(*) as events,
  count(*) filter (where r.event_id is null) as waiting,
  count(*) filter (where w.reason = 'unrouted') as unrouted,
  count(*) filter (where r.channels = '{}') as discarded,
  coalesce(sum(cardinality(e.recipients) * cardinality(r.channels)), 0) as expected
from outbox.event e
left join outbox.waiting w on w.event_id = e.id
left join """,
        """on r.event_id = e.id
where e.created_at >= $1
""",
    )
)

STATES = """
select d.channel, case d.state when 'sending' then 'pending' else d.state end as state, count(*)
from outbox.delivery d join outbox.event e on e.id = d.event_id where e.created_at >= $1 group by 1, 2
union all
select 'inapp', 'sent', count(*)
from outbox.notification n join outbox.event e on e.id = n.event_id where e.created_at >= $1
order by 1, 2
"""

# behind the cursor, but neither relayed nor set aside
LOST = RELAYED.join(
    (
        """
select 'lost', e.id, null, null
from outbox.event e
join outbox.cursor c on c.consumer = 'relay'
left join """,
        """on r.event_id = e.id
where e.created_at >= $1 and r.event_id is null
  and (pg_visible_in_snapshot(e.xid, c.low)
       or (pg_visible_in_snapshot(e.xid, c.high) and (e.xid, e.id) <= (c.at_xid, c.at_id)))
  and not exists (select from outbox.waiting w where w.event_id = e.id)
""",
    )
)

MISSING = RELAYED.join(
    (
        """
select case when n.event_id is null then 'missing' else 'twice' end, r.event_id, c.channel, w.recipient
from """,
        """cross join unnest(r.channels) c (channel)
cross join unnest(r.recipients) w (recipient)
left join outbox.delivery d on d.event_id = r.event_id and d.recipient = w.recipient and d.channel = c.channel
left join outbox.notification n on c.channel = 'inapp' and n.event_id = r.event_id and n.recipient = w.recipient
where r.created_at >= $1 and (d.id is null) = (n.event_id is null)
""",
    )
)

ORPHANS = RELAYED.join(
    (
        """
with wanted as (
  select r.event_id, channel, recipient
  from """,
        """, unnest(r.channels) channel, unnest(r.recipients) recipient
)
select 'orphan', d.event_id, d.channel, d.recipient
from outbox.delivery d
left join wanted w on w.event_id = d.event_id and w.channel = d.channel and w.recipient = d.recipient
left join outbox.lane l on l.id = d.lane_id
where w.event_id is null or l.id is null
union all
select 'orphan', n.event_id, 'inapp', n.recipient
from outbox.notification n
left join wanted w on w.event_id = n.event_id and w.channel = 'inapp' and w.recipient = n.recipient
where w.event_id is null
""",
    )
)


async def prove(conn: Connection, since: datetime) -> Proof:
    """Add everything up in one snapshot of the database, for events emitted since then."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(FREE_PLANNER)
        totals = await conn.fetchrow(TOTALS, since)
        if totals is None:  # an aggregate always answers
            raise AssertionError
        states: dict[str, dict[str, int]] = {}
        for channel, state, count in await conn.fetch(STATES, since):
            if count:
                states.setdefault(channel, {})[state] = count
        rows = [*await conn.fetch(LOST, since), *await conn.fetch(MISSING, since), *await conn.fetch(ORPHANS)]
    gaps = [Gap(*row) for row in rows]
    return Proof(**totals, states=states, gaps=gaps)
