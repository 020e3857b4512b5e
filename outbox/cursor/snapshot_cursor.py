"""The snapshot cursor: how far a consumer has read the event log, and the guard of its cluster.

The cursor is a pair of snapshots. A batch is what is visible in the newer one and was not visible in the
older one, so a slow transaction delays its own events only and nothing is skipped or read twice.
A cursor whose two snapshots are equal is closed: the next read opens a window up to now.
"""

from dataclasses import dataclass, replace
from typing import NoReturn

from outbox.database.connection import Connection
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

    def opened(self) -> "Window":
        """Go on with this window, or open one up to now where all of it has been read."""
        return replace(self, high=self.now) if self.closed else self

    def behind(self, xid: str, id_: int) -> "Window":
        """Stand behind this event of the window."""
        return replace(self, at_xid=xid, at_id=id_)

    def finished(self) -> "Window":
        """Stand behind the whole window."""
        return Window(self.consumer, low=self.high, high=self.high, now=self.now)


# nothing is relayed until the transaction ends
HOLD_RELAY = "select from outbox.cursor where consumer = 'relay' for update"

NEWS = """
c.low::text <> c.high::text
or exists (select from outbox.event e where e.xid >= pg_snapshot_xmax(c.low))
or exists (select from pg_snapshot_xip(c.low) x, lateral (select from outbox.event e where e.xid = x limit 1) e)
-- a cursor that will be refused
or pg_snapshot_xmax(c.high) > pg_snapshot_xmax(pg_current_snapshot())
or c.system_identifier <> (select system_identifier from pg_control_system())
"""
"""Of a cursor `c`: it has something to read."""

PEEK = "select" + NEWS + "from outbox.cursor c where c.consumer = $1"


async def peek(conn: Connection, consumer: str) -> bool:
    """Return whether there is something to read, without a lock and without a transaction id."""
    return bool(await conn.fetchval(PEEK, consumer))


FIND = """
select low::text, high::text, at_xid::text, at_id,
  system_identifier <> (select system_identifier from pg_control_system()) as foreign_cluster,
  system_identifier = 0 as moved_away -- outbox.cursor.decommission
from outbox.cursor where consumer = $1
"""
LOCK = FIND + "for update skip locked"
LOCK_IN_TURN = FIND + "for update"

# a statement of its own, after the lock: the one that locks may have seen less than whoever moved the cursor last
NOW = """
select pg_current_snapshot()::text, pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot())
"""


async def lock(conn: Connection, consumer: str = RELAY) -> Window | None:
    """Lock the cursor until the transaction ends; None where another holds it.

    Raises:
        ForeignClusterError: the cursor was written in another cluster, or in a later state of this one.

    """
    return await _guarded(conn, consumer, LOCK)


async def lock_in_turn(conn: Connection, consumer: str) -> Window | None:
    """Lock the cursor as `lock` does, but wait for whoever holds it; None where there is none of this consumer."""
    return await _guarded(conn, consumer, LOCK_IN_TURN)


async def find(conn: Connection, consumer: str = RELAY) -> Window | None:
    """Find a cursor that others may move, and refuse it as `lock` does; None where there is none of this consumer."""
    return await _guarded(conn, consumer, FIND)


async def _guarded(conn: Connection, consumer: str, sql: str) -> Window | None:
    row = await conn.fetchrow(sql, consumer)
    if row is None:
        return None
    now, ahead = await conn.fetchrow(NOW, row["high"]) or ("", True)
    if row["moved_away"]:
        refuse(consumer, "moved")
    if row["foreign_cluster"] or ahead:
        refuse(consumer, "foreign" if row["foreign_cluster"] else "ahead")
    return Window(consumer, row["low"], row["high"], row["at_xid"], row["at_id"], now)


REFUSED = {"foreign": "was written in another cluster", "ahead": "is ahead of this cluster"}


def refuse(consumer: str, standing: str) -> NoReturn:
    """Say why a cursor is not moved: `moved`, `foreign` or `ahead`.

    Raises:
        ForeignClusterError: always.

    """
    if standing == "moved":
        raise ForeignClusterError(
            "this installation has moved to another database with `vestnik transfer`, and goes on there. Only if "
            "nothing was begun there yet, `vestnik cursor rebase` opens this one again"
        )
    raise ForeignClusterError(
        f"the cursor of consumer {consumer!r} {REFUSED[standing]}: the database was restored or copied. Nothing was "
        f"skipped. Run `vestnik cursor rebase` to go on with the events that were not yet relayed"
    )


# Two reads, each by the index (xid, id) and each limited: first transactions that were open at `low`, then
# those that began after it. All of the first have lower ids than any of the second.
WINDOW = """(
  (select e.* from pg_snapshot_xip($1::text::pg_snapshot) x
   cross join lateral (
     select * from outbox.event e
     where (e.xid, e.id) <= (x, 9223372036854775807) and (e.xid, e.id) > (
       x, case when x < $3::text::xid8 then 9223372036854775807 when x = $3::text::xid8 then $4::bigint else 0 end
     )
     order by e.xid, e.id limit $5
   ) e
   where pg_visible_in_snapshot(x, $2::text::pg_snapshot)
   order by e.xid, e.id limit $5)
  union all
  (select e.* from outbox.event e
   where (e.xid, e.id) > (
       -- where the index is entered: by a comparison with (0, 0) it would be everything that the log keeps
       greatest($3::text::xid8, pg_snapshot_xmax($1::text::pg_snapshot)),
       case when $3::text::xid8 >= pg_snapshot_xmax($1::text::pg_snapshot) then $4::bigint else 0 end
     )
     and e.xid < pg_snapshot_xmax($2::text::pg_snapshot) and pg_visible_in_snapshot(e.xid, $2::text::pg_snapshot)
   order by e.xid, e.id limit $5)
) e
"""
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


# of a consumer also the batch that it has not acked
SHOW = """
select c.consumer, c.low::text, c.high::text, c.at_xid::text, c.at_id, c.moved_at, c.system_identifier::text,
  (select system_identifier::text from pg_control_system()) as cluster_system_identifier,
  pg_current_snapshot()::text as current_snapshot, p.batch, p.lease_until
from outbox.cursor c left join outbox.pull p on p.consumer = c.consumer and p.acked_at is null
order by c.consumer
"""


async def show(conn: Connection) -> list[dict[str, object]]:
    """Fetch every cursor with what it is compared to."""
    return [dict(row) for row in await conn.fetch(SHOW)]
