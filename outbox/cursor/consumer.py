"""Named consumers: each reads the event log at its own pace, one leased batch after the other.

A batch is what the cursor reads, and the cursor moves only when the batch is acked. Each time events are handed out
they get a new batch id, and only the newest one can be acked: acknowledging an older batch id changes
nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from outbox.cursor import snapshot_cursor
from outbox.cursor.snapshot_cursor import RELAY, Window
from outbox.database.connection import Connection
from outbox.error import InvalidConsumerError, StaleBatchError, UnknownConsumerError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
MOST_BYTES = 8 * 1024 * 1024
"""Of the events of one batch; a single event that has more comes alone."""


class Start(StrEnum):
    """Where a consumer begins that nobody knows yet."""

    START = "start"
    """Before everything that the log holds."""
    NOW = "now"
    """Behind everything that is committed at that moment."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What a pull gives."""

    batch: UUID | None = None
    """None: nothing was handed out."""
    lease_until: datetime | None = None
    """When the events come again unless they are acked; without a batch, when those of another pull do."""
    events: Sequence[str] = ()
    """JSON documents. As text: PostgreSQL's numbers are larger and more exact than ours."""


async def pull(conn: Connection, name: str, limit: int, lease: timedelta, start: Start = Start.START) -> Handed:
    """Hand out up to `limit` events that this consumer has not acked; nothing while another batch of it is leased.

    Raises:
        InvalidConsumerError: no consumer can be called so.
        ForeignClusterError: see `outbox.cursor.lock`.

    """
    if name == RELAY or not NAME.fullmatch(name):
        raise InvalidConsumerError(f"{name!r} cannot be the name of a consumer")
    if await snapshot_cursor.find(conn, name) is None:
        await _begin(conn, name, start)
    elif leased := await _leased(conn, name):
        return leased
    # an idle consumer is to leave no trace, however often it looks
    if not await snapshot_cursor.peek(conn, name):
        return Handed()
    async with conn.transaction():
        window = await snapshot_cursor.lock_in_turn(conn, name)
        if window is None:
            return Handed()
        # whoever held the lock may have been handed what we came for
        return await _leased(conn, name) or await _hand_out(conn, window, limit, lease)


# system_identifier is the relay's: a consumer that begins after a restore is refused until the rebase, too
BEGIN = """
insert into outbox.cursor (consumer, low, high, system_identifier)
select $1, place, place, r.system_identifier
from outbox.cursor r, lateral (
  select case when $2 then pg_current_snapshot() else '3:3:'::pg_snapshot end as place
) p
where r.consumer = 'relay'
on conflict do nothing
"""


async def _begin(conn: Connection, name: str, start: Start) -> None:
    await snapshot_cursor.find(conn, RELAY)
    await conn.execute(BEGIN, name, start is Start.NOW)


LEASED = """
select lease_until from outbox.pull where consumer = $1 and acked_at is null and lease_until > clock_timestamp()
"""


async def _leased(conn: Connection, name: str) -> Handed | None:
    until = await conn.fetchval(LEASED, name)
    return None if until is None else Handed(lease_until=until)


# the limit falls before the documents are made; `seen` counts what there was before the bytes have cut it
READ = "".join(
    (
        """
select xid::text, id, document, seen from (
  select e.xid, e.id, document, count(*) over () as seen,
    sum(octet_length(document)) over by_place as bytes, row_number() over by_place as place
  from (select * from """,
        snapshot_cursor.WINDOW,
        """order by e.xid, e.id limit $5) e
  cross join lateral (
    select json_build_object(
      'id', e.id, 'type', e.type, 'recipients', e.recipients, 'payload', e.payload,
      'requestId', e.request_id, 'traceparent', e.traceparent, 'dedupeKey', e.dedupe_key,
      'createdAt', to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'deliverAt', to_char(e.deliver_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'expiresAt', to_char(e.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )::text as document
    offset 0
  ) d
  window by_place as (order by e.xid, e.id)
) e
where bytes <= $6 or place = 1 order by e.xid, e.id
""",
    )
)


async def _read(conn: Connection, window: Window, limit: int) -> tuple[list[str], Window]:
    window = window.opened()
    found = await conn.fetch(READ, window.low, window.high, window.at_xid, window.at_id, limit, MOST_BYTES)
    documents = [row["document"] for row in found]
    if not found or len(found) == found[0]["seen"] < limit:
        return documents, window.finished()
    return documents, window.behind(found[-1]["xid"], found[-1]["id"])


# the batch of before is void
HAND_OUT = """
insert into outbox.pull as p (consumer, batch, low, high, at_xid, at_id, lease_until)
values ($1, gen_random_uuid(), $2::text::pg_snapshot, $3::text::pg_snapshot, $4::text::xid8, $5, clock_timestamp() + $6)
on conflict (consumer) do update set
  batch = excluded.batch, low = excluded.low, high = excluded.high, at_xid = excluded.at_xid, at_id = excluded.at_id,
  lease_until = excluded.lease_until, acked_at = null
returning batch, lease_until
"""


async def _hand_out(conn: Connection, window: Window, limit: int, lease: timedelta) -> Handed:
    events, after = await _read(conn, window, limit)
    if not events and not window.closed:
        # the rest of an older window was empty: what came since need not be
        events, after = await _read(conn, after, limit)
    if not events:
        await snapshot_cursor.advance(conn, after)
        return Handed()
    stands = (after.low, after.high, after.at_xid, after.at_id)
    batch, until = await conn.fetchrow(HAND_OUT, after.consumer, *stands, lease) or (None, None)
    return Handed(batch, until, events)


ACK = """
update outbox.pull set acked_at = now() where consumer = $1 and batch = $2 and acked_at is null
returning low::text, high::text, at_xid::text, at_id
"""

ACKED = "select exists (select from outbox.pull where consumer = $1 and batch = $2)"


async def ack(conn: Connection, name: str, batch: UUID) -> None:
    """Move the cursor behind this batch; where that was done before, do nothing.

    Raises:
        UnknownConsumerError: nobody has pulled under this name.
        StaleBatchError: its events were handed out again, or it never was one of this consumer's.
        ForeignClusterError: see `outbox.cursor.lock`.

    """
    async with conn.transaction():
        if name == RELAY or await snapshot_cursor.lock_in_turn(conn, name) is None:
            raise UnknownConsumerError(f"there is no consumer {name!r}")
        row = await conn.fetchrow(ACK, name, batch)
        if row is not None:
            await snapshot_cursor.advance(conn, Window(name, *row))
        elif not await conn.fetchval(ACKED, name, batch):
            raise StaleBatchError(f"{batch} is not the newest batch of {name!r}: pull again")


DROP_CURSOR = "delete from outbox.cursor where consumer = $1"
# a statement of its own, after the cursor's lock: a pull may have written the row just before
DROP_PULL = "delete from outbox.pull where consumer = $1"


async def drop(conn: Connection, name: str) -> None:
    """Forget a consumer and how far it has read.

    Raises:
        InvalidConsumerError: it is the relay.
        UnknownConsumerError: there is none of this name.

    """
    if name == RELAY:
        raise InvalidConsumerError("the relay's cursor cannot be dropped: without it nothing is delivered")
    async with conn.transaction():
        if await conn.execute(DROP_CURSOR, name) == "DELETE 0":
            raise UnknownConsumerError(f"there is no consumer {name!r}")
        await conn.execute(DROP_PULL, name)
