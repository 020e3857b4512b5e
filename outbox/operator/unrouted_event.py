"""Unrouted events: they wait since the catalog does not know their type (`outbox.waiting` in the database)."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from outbox.cursor.snapshot_cursor import HOLD_RELAY
from outbox.database.connection import Connection

BATCH = 1_000
"""Events given up in one transaction, in which nothing is relayed."""


class Kind(NamedTuple):
    """The unrouted events of one type."""

    type: str
    events: int
    oldest: datetime
    """When the first of them was set aside."""
    last: int
    """The waiting row that came last; what comes later has a greater number."""


LIST = """
select type, count(*) as events, min(since) as oldest, max(id) as last
from outbox.waiting where reason = 'unrouted' and ($1::text[] is null or type = any($1::text[]))
group by type order by min(since), type
"""


async def kinds(conn: Connection, types: Collection[str] | None = None) -> list[Kind]:
    """Return what waits by type, those that have waited longest first; `types` None: of all types."""
    return [Kind(*row) for row in await conn.fetch(LIST, None if types is None else list(types))]


WAIT = """
select exists (
  select from unnest($1::text[], $2::bigint[]) k (type, last)
  cross join lateral (
    select w.id from outbox.waiting w
    where w.reason = 'unrouted' and w.type = any(array[k.type]) order by w.type, w.id limit 1
  ) w
  where w.id <= k.last
)
"""


async def wait(conn: Connection, listed: Collection[Kind]) -> bool:
    """Return whether any of the events that were listed waits still."""
    return bool(await conn.fetchval(WAIT, [kind.type for kind in listed], [kind.last for kind in listed]))


NEWEST = """
select type, count(*) from (select type, reason from outbox.waiting order by id desc limit $1) w
where reason = 'unrouted' group by type order by type limit $2
"""


async def newest(conn: Connection, rows: int, types: int) -> dict[str, int]:
    """Count by type, of so many types, what is unrouted among the rows that were set aside last."""
    return {row["type"]: row["count"] for row in await conn.fetch(NEWEST, rows, types)}


# waiting -> relayed to nobody: in the ledger by a routing that has no route for any type
DISCARD = """
with gone as (
  delete from outbox.waiting w
  where w.id = any(array(
    select id from outbox.waiting where reason = 'unrouted' and type = $1 and id <= $2 order by type, id limit $3
  ))
  returning w.event_id
), noted as (
  insert into outbox.batch (events, routing)
  select range_agg(int8range(event_id, event_id, '[]')), 0 from gone having count(*) > 0
)
select count(*) from gone
"""


async def discard(conn: Connection, kind: Kind, done: Counter[str]) -> None:
    """Give up the events of a type that were listed; `done` counts them by type, also where this is broken off."""
    while True:
        async with conn.transaction():
            # the relay fans out what waits while it holds its cursor: an event goes, or is given up, never both
            await conn.execute(HOLD_RELAY)
            count = await conn.fetchval(DISCARD, kind.type, kind.last, BATCH)
        if not count:
            return
        done[kind.type] += count
