"""Rebase: after a restore into another cluster every consumer goes on in it, and nothing is skipped.

The transaction ids of the events, and with them all cursors, are another cluster's. What somebody has not read gets
an id of this one, and all cursors start below it.
"""

from outbox.cursor import decommission
from outbox.database.connection import Connection

SEEN = "select pg_current_snapshot()::text"

LOCK = "select from outbox.cursor order by consumer for update"

# What the relay has read stands in its ledger. What a named consumer has read is told by its own snapshots. They lie
# about what was written since the restore; but that is in no ledger, and so unread all the same. 3 is below every
# transaction id of every cluster: what all have read must not come up again with the other one's.
REBASE_EVENTS = """
update outbox.event e set xid = case when u.unread then pg_current_xact_id() else '3' end
from (
  select e.id,
    not exists (select from outbox.batch b where b.events @> e.id)
    and not exists (select from outbox.waiting w where w.event_id = e.id)
    or exists (
      select from outbox.cursor c where c.consumer <> 'relay' and not (
        pg_visible_in_snapshot(e.xid, c.low)
        or pg_visible_in_snapshot(e.xid, c.high) and (e.xid, e.id) <= (c.at_xid, c.at_id)
      )
    ) as unread
  from outbox.event e
) u
where e.id = u.id and (u.unread or not pg_visible_in_snapshot(e.xid, $1::text::pg_snapshot))
"""

# the relay reads them again, and sets them aside again
NO_LONGER_WAITING = """
delete from outbox.waiting w using outbox.event e where e.id = w.event_id and e.xid = pg_current_xact_id()
"""

UNRELAYED = """
select count(*) from outbox.event e
where e.xid = pg_current_xact_id() and not exists (select from outbox.batch b where b.events @> e.id)
"""

# a batch of before ends at a place that is none any more
VOID = "delete from outbox.pull where acked_at is null"

# every window starts anew below the events that got a current transaction id
REBASE_CURSORS = """
update outbox.cursor
set low = $1::text::pg_snapshot, high = $1::text::pg_snapshot, at_xid = '0', at_id = 0,
    system_identifier = (select system_identifier from pg_control_system()), moved_at = now()
"""


async def rebase(conn: Connection, seen: str | None = None) -> int:
    """Start fresh windows in this cluster with what was not yet read; return how many events are to be relayed.

    What one consumer has not read comes again to the others; the relay's ledger keeps it from relaying twice. The
    new snapshot is taken before this transaction has an id, so that the id, which the events get, is above it; whoever
    has written before in the same transaction hands in the one that was `seen` before.
    """
    async with conn.transaction():
        seen = seen or await conn.fetchval(SEEN)
        await decommission.open_again(conn)
        await conn.execute(LOCK)
        await conn.execute(REBASE_EVENTS, seen)
        await conn.execute(NO_LONGER_WAITING)
        await conn.execute(VOID)
        await conn.execute(REBASE_CURSORS, seen)
        return int(await conn.fetchval(UNRELAYED))
