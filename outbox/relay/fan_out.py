"""The relay: reads committed events after the cursor and fans them out, one batch in one transaction.

The whole of a batch is the function `outbox.relay` in the database: no row leaves it, and a batch costs one round trip.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from outbox.cursor.snapshot_cursor import NEWS, RELAY, refuse
from outbox.database.connection import Connection
from outbox.relay import routing
from outbox.relay.routing import Routing


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction of the relay did."""

    relayed: Mapping[str, int] = field(default_factory=dict)
    """Events by type."""
    first: int | None = None
    """The least id among them."""
    oldest: datetime | None = None
    """When the first of them was emitted, or was to be delivered."""
    scheduled: int = 0
    """Events set aside since their time has not come."""
    unrouted: int = 0
    """Events set aside since the catalog does not know their type."""
    notifications: int = 0
    deliveries: int = 0
    skipped: int = 0
    """Of the deliveries: those that were born so."""
    lanes: int = 0
    """Lanes that got work."""
    recipients: Collection[str] = ()
    """Whose inbox has changed."""
    more: bool = False
    """The window was not read to its end."""


EVENTS = 2_000
"""Events in one batch: large enough that the fixed cost of a transaction does not count."""

PAIRS = 10_000
"""Event-recipient pairs in one batch, so that events for many people do not make it grow without bound.

Events from the log and events that have waited have it each for themselves: neither starves the other.
"""

WAITS_NO_LONGER = """
or exists (select from outbox.waiting w where w.reason = 'scheduled' and w.due_at <= now())
or exists (select from outbox.waiting w where w.reason = 'unrouted') and (
  not exists (select from outbox.route r where r.routing = $1)
  or exists (
    select from outbox.route r cross join lateral (
      select from outbox.waiting w
      where w.reason = 'unrouted' and w.type = any(array[r.type]) order by w.type limit 1
    ) w
    where r.routing = $1
  )
) and $1 <> 0
"""

PEEK = "select" + NEWS + WAITS_NO_LONGER + "from outbox.cursor c where c.consumer = 'relay'"


async def peek(conn: Connection, routes: Routing) -> bool:
    """Return whether there is something to relay, without a lock and without a transaction id."""
    return bool(await conn.fetchval(PEEK, routes.id))


STEP = """
select standing, coalesce(relayed, '{}') as relayed, first_id as first, oldest, scheduled, unrouted, notifications,
  deliveries, skipped, lanes, coalesce(recipients, '{}') as recipients, more
from outbox.relay($1, $2, $3)
"""


async def step(conn: Connection, routes: Routing, limit: int = EVENTS) -> Batch | None:
    """Relay up to `limit` events; None where another relay holds the cursor.

    Raises:
        ForeignClusterError: the cursor was written in another cluster, or in a later state of this one.

    """
    while True:
        row = await conn.fetchrow(STEP, routes.id, limit, PAIRS)
        standing, *facts = row or ("missing",)
        match standing:
            case "relayed":
                return Batch(*facts)
            case "held" | "missing":
                return None
            case "unregistered":
                await routing.register(conn, routes)
            case _:
                refuse(RELAY, standing)
