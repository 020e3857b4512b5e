"""The snapshot cursor: how far a consumer has read the event log, and the guard of its cluster.

The cursor is a pair of snapshots. A batch is what is visible in the newer one and was not visible in the
older one, so a slow transaction delays its own events only and nothing is skipped or read twice.
A cursor whose two snapshots are equal is closed: the next read opens a window up to now.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from outbox.database import Connection
from outbox.error import ForeignClusterError

RELAY = "relay"


@dataclass(frozen=True, slots=True)
class Window:
    """What a consumer is reading: visible in `high`, not in `low`, after (`at_xid`, `at_id`)."""

    consumer: str
    low: str
    high: str
    at_xid: str = "0"
    at_id: int = 0
    now: str = ""
    """Snapshot of a moment after the lock: where a window opens that this consumer reads next."""

    @property
    def closed(self) -> bool:
        """Tell whether all of it has been read."""
        return self.low == self.high


class Position(NamedTuple):
    """One event of a window: its id, the transaction that wrote it, and what the relay decides by."""

    id: int
    xid: str
    type: str
    recipients: list[str]
    created_at: datetime
    expires_at: datetime | None
    later: bool
    """Its deliver_at has not come."""


PEEK = """
select c.low::text <> c.high::text
  or exists (select from outbox.event e where e.xid >= pg_snapshot_xmax(c.low))
  or exists (select from pg_snapshot_xip(c.low) x, lateral (select from outbox.event e where e.xid = x limit 1) e)
  or exists (select from outbox.scheduled s where s.due_at <= now())
  -- a cursor that `lock` will refuse
  or pg_snapshot_xmax(c.high) > pg_snapshot_xmax(pg_current_snapshot())
  or c.system_identifier <> (select system_identifier from pg_control_system())
from outbox.cursor c where c.consumer = $1
"""


async def peek(conn: Connection, consumer: str = RELAY) -> bool:
    """Tell whether there is something to read, without a lock and without a transaction id."""
    return bool(await conn.fetchval(PEEK, consumer))


LOCK = """
select low::text, high::text, at_xid::text, at_id,
  system_identifier <> (select system_identifier from pg_control_system()) as foreign_cluster
from outbox.cursor where consumer = $1 for update skip locked
"""

# a statement of its own, after the lock: the one that locks may have seen less than whoever moved the cursor last
NOW = """
select pg_current_snapshot()::text, pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot())
"""


async def lock(conn: Connection, consumer: str = RELAY) -> Window | None:
    """Lock the cursor until the transaction ends; None where another holds it.

    Raises:
        ForeignClusterError: the cursor was written in another cluster, or in a later state of this one.

    """
    row = await conn.fetchrow(LOCK, consumer)
    if row is None:
        return None
    now, ahead = await conn.fetchrow(NOW, row["high"]) or ("", True)
    if row["foreign_cluster"] or ahead:
        found = "was written in another cluster" if row["foreign_cluster"] else "is ahead of this cluster"
        raise ForeignClusterError(
            f"the cursor of consumer {consumer!r} {found}: the database was restored or copied. Nothing was "
            f"skipped. Run `vestnik cursor rebase` to go on with the events that were not yet relayed"
        )
    return Window(consumer, row["low"], row["high"], row["at_xid"], row["at_id"], now)


# Two reads, each by the index (xid, id) and each limited: first transactions that were open at `low`, then
# those that began after it. All of the first have lower ids than any of the second.
READ = """
select id, xid::text, type, recipients, created_at, expires_at, coalesce(deliver_at > now(), false) from (
  (select e.* from pg_snapshot_xip($1::text::pg_snapshot) x
   cross join lateral (
     select * from outbox.event e
     where e.xid = x and (e.xid, e.id) > ($3::text::xid8, $4::bigint) order by e.id limit $5
   ) e
   where pg_visible_in_snapshot(x, $2::text::pg_snapshot)
   order by e.xid, e.id limit $5)
  union all
  (select e.* from outbox.event e
   where e.xid >= pg_snapshot_xmax($1::text::pg_snapshot) and e.xid < pg_snapshot_xmax($2::text::pg_snapshot)
     and (e.xid, e.id) > ($3::text::xid8, $4::bigint) and pg_visible_in_snapshot(e.xid, $2::text::pg_snapshot)
   order by e.xid, e.id limit $5)
) e order by e.xid, e.id limit $5
"""


async def read(conn: Connection, window: Window, limit: int, rows: int) -> tuple[list[Position], Window]:
    """Read up to `limit` events for up to `rows` recipients of a locked cursor; also say where it stands after them.

    One event is read however many recipients it has.
    """
    if window.closed:
        window = replace(window, high=window.now)
    found = await conn.fetch(READ, window.low, window.high, window.at_xid, window.at_id, limit)
    events = within(rows, [Position(*row) for row in found])
    if len(events) == len(found) < limit:
        return events, Window(window.consumer, low=window.high, high=window.high)
    return events, replace(window, at_xid=events[-1].xid, at_id=events[-1].id)


def within(rows: int, events: list[Position]) -> list[Position]:
    """Keep the first events that have at most so many recipients together, one event at the least."""
    total = accumulate(len(event.recipients) for event in events)
    fitting = sum(1 for count in total if count <= rows)
    return events[: max(1, fitting)]


# moves the cursor
ADVANCE = """
update outbox.cursor
set low = $2::text::pg_snapshot, high = $3::text::pg_snapshot, at_xid = $4::text::xid8, at_id = $5, moved_at = now()
where consumer = $1
"""


async def advance(conn: Connection, window: Window) -> None:
    """Write where the cursor stands, in the transaction that holds its lock."""
    await conn.execute(ADVANCE, window.consumer, window.low, window.high, window.at_xid, window.at_id)


# `is_called` of the sequence says that the relay sleeps
SLEEP = "select setval('outbox.relay_asleep', 1, $1)"


async def set_asleep(conn: Connection, asleep: bool) -> None:  # noqa: FBT001 (it is the value that is set)
    """Say whether whoever emits must wake the relay; look once more after this, for who emitted meanwhile."""
    await conn.execute(SLEEP, asleep)


SHOW = """
select consumer, low::text, high::text, at_xid::text, at_id, moved_at, system_identifier::text,
  (select system_identifier::text from pg_control_system()) as cluster_system_identifier,
  pg_current_snapshot()::text as current_snapshot
from outbox.cursor order by consumer
"""


async def show(conn: Connection) -> list[dict[str, object]]:
    """Fetch every cursor with what it is compared to."""
    return [dict(row) for row in await conn.fetch(SHOW)]


# relay's window starts anew below every event that gets a current transaction id
REBASE_CURSOR = """
update outbox.cursor
set low = $2::text::pg_snapshot, high = $2::text::pg_snapshot, at_xid = '0', at_id = 0,
    system_identifier = (select system_identifier from pg_control_system()), moved_at = now()
where consumer = $1
"""

# only rows that no relay has fanned out
REBASE_EVENTS = """
update outbox.event e set xid = pg_current_xact_id()
where not exists (select from outbox.relayed r where r.event_id = e.id)
  and not exists (select from outbox.scheduled s where s.event_id = e.id)
"""

# 3 is below every transaction id of every cluster: what has been read must not come up again with the other one's
REBASE_READ = """
update outbox.event e set xid = '3' where not pg_visible_in_snapshot(e.xid, $1::text::pg_snapshot)
  and (exists (select from outbox.relayed r where r.event_id = e.id)
    or exists (select from outbox.scheduled s where s.event_id = e.id))
"""


async def rebase(conn: Connection, consumer: str = RELAY) -> int:
    """Start a fresh window in this cluster with the events that were not yet relayed; return how many.

    The new snapshot is taken before this transaction has an id, so that the id, which the events get,
    is above it.
    """
    async with conn.transaction():
        seen = await conn.fetchval("select pg_current_snapshot()::text")
        await conn.execute("select from outbox.cursor where consumer = $1 for update", consumer)
        await conn.execute(REBASE_READ, seen)
        status = await conn.execute(REBASE_EVENTS)
        await conn.execute(REBASE_CURSOR, consumer, seen)
    return int(status.rsplit(" ", 1)[-1])
