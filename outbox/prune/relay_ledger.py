"""The ledger of the relay, kept small: of one minute one row is left, and routes go that nobody needs."""

from outbox.database.connection import Connection

PAGE = 1_000

# Batches of the same minute and the same routes become the first of them; the newest hour stays as it was relayed. A
# multirange of neighbours is one range: at ten events a second a row for each minute is left of six hundred.
MERGE = """
with page as materialized (
  select id, events, routing, relayed_at from outbox.batch
  where id > $1 and relayed_at < now() - interval '1 hour' order by id limit $2 for update skip locked
), merged as materialized (
  -- PostgreSQL 14 has no sum of multiranges
  select min(p.id) as id, array_agg(distinct p.id) as ids, min(p.relayed_at) as relayed_at, range_agg(r) as events
  from page p cross join lateral unnest(p.events) r
  group by p.routing, date_trunc('minute', p.relayed_at) having count(distinct p.id) > 1
), gone as (
  delete from outbox.batch b using merged m where b.id = any(m.ids) and b.id <> m.id
)
update outbox.batch b set events = m.events, relayed_at = m.relayed_at from merged m where b.id = any(array[m.id])
"""

LAST = """
select max(id) from (
  select id from outbox.batch where id > $1 and relayed_at < now() - interval '1 hour' order by id limit $2
) b
"""

# the relay finds its routes under this lock
LOCK_CURSOR = "select from outbox.cursor where consumer = 'relay' for update skip locked"

FORGET_ROUTES = """
delete from outbox.route where routing in (
  select routing from outbox.route where created_at < now() - interval '1 day' except select routing from outbox.batch
)
"""


async def shrink(conn: Connection) -> None:
    """Merge batches of the same minute, and delete routes of catalogs of which nothing is left.

    The times of relaying that are left are exact to the minute, and earlier than they were.
    """
    after = 0
    while (last := await conn.fetchval(LAST, after, PAGE)) is not None:
        await conn.execute(MERGE, after, PAGE)
        after = last
    async with conn.transaction():
        if await conn.fetch(LOCK_CURSOR):
            await conn.execute(FORGET_ROUTES)
