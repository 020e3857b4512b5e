"""The relay: reads committed events after the cursor and fans them out, one batch in one transaction."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from outbox import cursor
from outbox.database import Connection
from outbox.fan_out import Route, Written, fan_out

NOTHING = Written()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction of the relay did."""

    relayed: Mapping[str, int] = field(default_factory=dict)
    """Events by type."""
    first: int | None = None
    """Id of one of them."""
    scheduled: int = 0
    """Events read whose time has not come."""
    unrouted: int = 0
    written: Written = NOTHING
    oldest: datetime | None = None
    """When the first of these events was emitted."""
    more: bool = False
    """The window was not read to its end."""


# events whose time has not come wait outside the order of the lanes
POSTPONE = """
insert into outbox.scheduled (event_id, due_at)
select id, deliver_at from outbox.event where id = any($1::bigint[])
on conflict do nothing
"""

# the next events whose time has come; nobody else takes them, for the cursor is locked
DUE = """
select e.id, e.xid::text, e.type, e.recipients, s.due_at, e.expires_at, false
from outbox.scheduled s join outbox.event e on e.id = s.event_id
where s.due_at <= now() order by s.due_at, s.event_id limit $1
"""

UNSCHEDULE = "delete from outbox.scheduled where event_id = any($1::bigint[])"

EVENTS = 5_000
"""Events in one batch: large enough that the fixed cost of a transaction does not count."""

ROWS = 20_000
"""Event-recipient pairs in one batch, so that events for many people do not make it grow without bound.

Events from the log and events that were scheduled have it each for themselves: neither starves the other.
"""


async def step(conn: Connection, routes: Mapping[str, Route], limit: int = EVENTS) -> Batch | None:
    """Relay up to `limit` events; None where another relay holds the cursor.

    Raises:
        ForeignClusterError: see `outbox.cursor.lock`.

    """
    async with conn.transaction():
        window = await cursor.lock(conn)
        if window is None:
            return None
        events, after = await cursor.read(conn, window, limit, ROWS)
        later = [event.id for event in events if event.later]
        if later:
            await conn.execute(POSTPONE, later)
        due = [event for event in events if not event.later] + await _take_due(conn, limit)
        written = await fan_out(conn, routes, due) if due else NOTHING
        await cursor.advance(conn, after)
    types = Counter(event.type for event in due)
    return Batch(
        relayed=types,
        first=due[0].id if due else None,
        scheduled=len(later),
        unrouted=sum(count for name, count in types.items() if name not in routes),
        written=written,
        oldest=min((event.created_at for event in due), default=None),
        more=not after.closed,
    )


async def _take_due(conn: Connection, limit: int) -> list[cursor.Position]:
    due = cursor.within(ROWS, [cursor.Position(*row) for row in await conn.fetch(DUE, limit)])
    if due:
        await conn.execute(UNSCHEDULE, [event.id for event in due])
    return due
