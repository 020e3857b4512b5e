"""The trace: everything about one event, delivery or request, in time order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from outbox.database.connection import FREE_PLANNER, Connection
from outbox.event_log.traceparent import trace_id_of


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened."""

    at: datetime
    what: str
    event_id: int
    delivery_id: int | None = None
    channel: str | None = None
    recipient: str | None = None
    state: str | None = None
    """What an attempt came to, what an operator ordered, or where the delivery or notification stands."""
    reason: str | None = None
    seconds: float | None = None
    """How long an attempt took."""
    phase: str | None = None
    """How far an attempt's last request got; None: none was made, or nobody knows."""
    resent: bool = False
    """An attempt that may have arrived, and was sent again: a possible duplicate."""
    operator: str | None = None
    """Who ordered it."""
    message_id: int | None = None
    """Of a delivery that is sent: the message that carried it, alone or with others."""
    trace_id: str | None = None
    """Of an event: the distributed trace that it belongs to."""


FIND_EVENTS = """
select id from outbox.event where id = $1
union
select event_id from outbox.delivery where id = $1
"""

FIND_REQUEST = """
select id from outbox.event
where request_id = $1 or $1 ~ '^[0-9a-f]{32}$' and substr(traceparent, 4, 32) = $1
"""

STEPS = """
select s.*, case when s.what = 'settled' then (
  select d.message_id from outbox.delivery d where d.id = s.delivery_id and d.state = 'sent'
) end as message_id, case when s.what = 'emitted' then (
  select e.traceparent from outbox.event e where e.id = s.event_id
) end as traceparent from (
select e.created_at as at, 'emitted' as what, e.id as event_id, null::bigint as delivery_id, null as channel,
  null as recipient, null as state, null as reason, null::real as seconds, null as phase, false as resent,
  null as operator
from outbox.event e where e.id = any($1::bigint[])
union all
select coalesce(w.due_at, w.since), w.reason, w.event_id, null, null, null, null, null, null, null, false, null
from outbox.waiting w where w.event_id = any($1::bigint[])
union all
select greatest(b.relayed_at, e.created_at), 'relayed', e.id, null, coalesce(array_to_string(r.channels, '+'), ''),
  null, null, case when coalesce(r.channels, '{}') = '{}' then 'unrouted' end, null, null, false, null
from outbox.event e
join outbox.batch b on b.events @> e.id
left join outbox.route r on r.routing = b.routing and r.type = e.type
where e.id = any($1::bigint[])
union all
select n.created_at, 'notified', n.event_id, null, 'inapp', n.recipient,
  case when n.read_at is null then 'unread' else 'read' end, null, null, null, false, null
from outbox.notification n where n.event_id = any($1::bigint[])
union all
select d.created_at, 'queued', d.event_id, d.id, d.channel, d.recipient, null, null, null, null, false, null
from outbox.delivery d where d.event_id = any($1::bigint[])
union all
select a.ended_at, 'attempted', d.event_id, d.id, d.channel, d.recipient, a.outcome, a.reason, a.seconds, a.phase,
  a.resent, null
from outbox.attempt a join outbox.delivery d on d.id = a.delivery_id where d.event_id = any($1::bigint[])
union all
-- one that simply succeeded has no row of its own
select d.settled_at, 'attempted', d.event_id, d.id, d.channel, d.recipient, 'delivered', null, d.seconds, 'answered',
  false, null
from outbox.delivery d where d.event_id = any($1::bigint[]) and d.state = 'sent' and d.seconds is not null
  and not exists (select from outbox.attempt a where a.delivery_id = d.id and a.outcome = 'delivered')
union all
select o.acted_at, 'ordered', d.event_id, d.id, d.channel, d.recipient, o.action, null, null, null, false, o.operator
from outbox.operator_action o join outbox.delivery d on d.id = o.delivery_id where d.event_id = any($1::bigint[])
union all
select coalesce(d.settled_at, now()), case when d.settled_at is null then 'stands' else 'settled' end, d.event_id,
  d.id, d.channel, d.recipient,
  case
    when d.state = 'pending' and d.id = any(array(select delivery_id from outbox.sending)) then 'sending'
    else d.state
  end,
  d.reason, null, null, false, null
from outbox.delivery d where d.event_id = any($1::bigint[])
) s
order by at, event_id,
  array_position(
    array[
      'emitted', 'unrouted', 'scheduled', 'relayed', 'notified', 'queued', 'attempted', 'ordered', 'settled', 'stands'
    ], what),
  delivery_id nulls first
"""


async def trace(conn: Connection, wanted: str) -> Sequence[Step]:
    """Find an event id, a delivery id, a request id or a trace id; a number is looked for as each of them."""
    async with conn.transaction(readonly=True):
        await conn.execute(FREE_PLANNER)
        return await _trace(conn, wanted)


async def _trace(conn: Connection, wanted: str) -> Sequence[Step]:
    rows = await conn.fetch(FIND_REQUEST, wanted)
    if wanted.isdecimal() and int(wanted) < 2**63:
        rows += await conn.fetch(FIND_EVENTS, int(wanted))
    return [_step(row) for row in await conn.fetch(STEPS, [row["id"] for row in rows])]


def _step(row: asyncpg.Record) -> Step:
    *facts, traceparent = row
    return Step(*(*facts, trace_id_of(traceparent)))
