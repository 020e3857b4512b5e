"""The trace: everything about one event, delivery or request, in time order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from outbox.database import FREE_PLANNER, Connection


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
    reason: str | None = None
    seconds: float | None = None


FIND_EVENTS = """
select id from outbox.event where id = $1
union
select event_id from outbox.delivery where id = $1
"""

FIND_REQUEST = "select id from outbox.event where request_id = $1"

STEPS = """
select * from (
select e.created_at as at, 'emitted' as what, e.id as event_id, null::bigint as delivery_id, null as channel,
  null as recipient, null as state, null as reason, null::real as seconds
from outbox.event e where e.id = any($1::bigint[])
union all
select s.due_at, 'scheduled', s.event_id, null, null, null, null, null, null
from outbox.scheduled s where s.event_id = any($1::bigint[])
union all
select r.relayed_at, 'relayed', r.event_id, null, array_to_string(r.channels, '+'), null, null,
  case when r.channels = '{}' then 'unrouted' end, null
from outbox.relayed r where r.event_id = any($1::bigint[])
union all
select n.created_at, 'notified', n.event_id, null, 'inapp', n.recipient,
  case when n.read_at is null then 'unread' else 'read' end, null, null
from outbox.notification n where n.event_id = any($1::bigint[])
union all
select d.created_at, 'queued', d.event_id, d.id, d.channel, d.recipient, null, null, null
from outbox.delivery d where d.event_id = any($1::bigint[])
union all
select a.ended_at, 'attempted', d.event_id, d.id, d.channel, d.recipient, a.outcome, a.reason, a.seconds
from outbox.attempt a join outbox.delivery d on d.id = a.delivery_id where d.event_id = any($1::bigint[])
union all
select coalesce(d.settled_at, now()), case when d.settled_at is null then 'stands' else 'settled' end, d.event_id,
  d.id, d.channel, d.recipient, d.state, d.reason, null
from outbox.delivery d where d.event_id = any($1::bigint[])
) s
order by at, event_id,
  array_position(
    array['emitted', 'scheduled', 'relayed', 'notified', 'queued', 'attempted', 'settled', 'stands'], what),
  delivery_id nulls first
"""


async def trace(conn: Connection, wanted: str) -> Sequence[Step]:
    """Find an event id, a delivery id or a request id; a number is looked for as each of them."""
    async with conn.transaction(readonly=True):
        await conn.execute(FREE_PLANNER)
        return await _trace(conn, wanted)


async def _trace(conn: Connection, wanted: str) -> Sequence[Step]:
    rows = await conn.fetch(FIND_REQUEST, wanted)
    if wanted.isdecimal() and int(wanted) < 2**63:
        rows += await conn.fetch(FIND_EVENTS, int(wanted))
    return [Step(*row) for row in await conn.fetch(STEPS, [row["id"] for row in rows])]
