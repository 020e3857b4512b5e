"""The history of links: what has ended long ago goes, with the chat id in it and with its audit."""

from collections.abc import AsyncIterator
from datetime import datetime

from outbox.database.connection import Connection

PAGE = 10_000
"""Rows looked at in one statement: in the order of a key, so that age needs no index of its own."""

# `skip locked`: whoever erases the person takes it away all the same
LINKS = """
with page as materialized (
  select id from outbox.telegram_link where id > $1 order by id limit $2
),
ended as materialized (
  select id, recipient from outbox.telegram_link
  where id = any(array(select id from page)) and unlinked_at <= $3 for update skip locked
),
told as materialized (
  select a.id from ended e cross join lateral (
    select id from outbox.link_audit a
    where a.recipient = any(array[e.recipient]) and a.link_id = e.id order by a.recipient for update skip locked
  ) a
),
unheard as (
  delete from outbox.link_audit where id = any(array(select id from told))
),
gone as (
  delete from outbox.telegram_link where id = any(array(select id from ended)) returning id
)
select (select max(id) from page) as last, (select count(*) from gone) as gone
"""

# one that was made anew meanwhile is another one
REQUESTS = """
with page as materialized (
  select recipient, token_hash, expires_at from outbox.binding_request where recipient > $1 order by recipient limit $2
),
gone as (
  delete from outbox.binding_request b using page p
  where p.expires_at <= $3 and b.recipient = any(array[p.recipient]) and b.token_hash = any(array[p.token_hash])
  returning b.recipient
)
select (select max(recipient) from page) as last, (select count(*) from gone) as gone
"""


def prune_links(conn: Connection, before: datetime, *, dry_run: bool = False) -> AsyncIterator[int]:
    """Take away links that ended before this, each with its audit; tell of each page how many."""
    return _prune(conn, LINKS, 0, before, dry_run=dry_run)


def prune_requests(conn: Connection, before: datetime, *, dry_run: bool = False) -> AsyncIterator[int]:
    """Take away binding requests whose time was over before this; tell of each page how many."""
    return _prune(conn, REQUESTS, "", before, dry_run=dry_run)


async def _prune(
    conn: Connection, sql: str, start: int | str, before: datetime, *, dry_run: bool
) -> AsyncIterator[int]:
    """Go through a table page by page, each in a transaction of its own that a dry run undoes."""
    last: int | str | None = start
    while last is not None:
        transaction = conn.transaction()
        await transaction.start()
        try:
            last, gone = await conn.fetchrow(sql, last, PAGE, before) or (None, 0)
        finally:
            await (transaction.rollback() if dry_run else transaction.commit())
        yield gone
