"""Reading: what a person has seen is no longer unread; rows, counter and version move in one statement."""

from dataclasses import dataclass

from inapp.notification import LAST_ID
from outbox.database.connection import Connection


@dataclass(frozen=True, slots=True)
class Read:
    """What a reading has changed, and how the inbox stands after it."""

    unread: int
    version: int
    changed: int
    """Notifications that were unread until now; each is a version of its own."""


# unread -> read, from the first id to the last. The inbox is locked before its rows, as the relay and whoever erases
# a person do it; so what is unread after that stays so until this statement changes it. What comes meanwhile is not
# touched. Rows that are read together share the first of their versions: nobody ever sees the inbox between them.
# A counter that is too small keeps nobody from reading: `unread_drift` shows it.
READ = """
with mine as (
  select unread, version from outbox.inbox where recipient = $1 for update
), changed as (
  update outbox.notification n set read_at = now(), read_version = m.version + 1
  from mine m
  where n.event_id = any(array(
      select u.event_id from outbox.notification u
      where u.recipient = any(array[$1::text]) and u.id between $2 and $3 and u.read_at is null
      order by u.recipient, u.id
    ))
    and n.recipient = $1 and coalesce(n.read_at, 'infinity') = 'infinity'
  returning n.id
), counted as (
  select count(*) as changed from changed
), moved as (
  update outbox.inbox i set unread = greatest(0, i.unread - c.changed), version = i.version + c.changed
  from counted c where i.recipient = $1 and c.changed > 0
  returning i.unread, i.version
)
select coalesce(d.unread, m.unread, 0) as unread, coalesce(d.version, m.version, 0) as version, c.changed
from counted c left join mine m on true left join moved d on true
"""


async def read(conn: Connection, recipient: str, first: int, last: int) -> Read:
    """Mark as read what is unread from one id to another; what is read already stays as it is."""
    row = await conn.fetchrow(READ, recipient, first, last)
    if row is None:  # a count always answers
        raise AssertionError
    return Read(row["unread"], row["version"], row["changed"])


# no `exists`: it would lose the order, and with it the index that is the only way
HAS = """
select coalesce(
  (select true from outbox.notification
   where recipient = any(array[$1::text]) and id = $2 and read_at is null order by recipient limit 1),
  (select true from outbox.notification
   where recipient = any(array[$1::text]) and id = $2 and read_at is not null order by recipient limit 1),
  false
)
"""


async def read_one(conn: Connection, recipient: str, id_: int) -> Read | None:
    """Mark one notification as read; None where the recipient has none of this id."""
    if not 0 < id_ <= LAST_ID:
        return None
    done = await read(conn, recipient, id_, id_)
    return done if done.changed or await conn.fetchval(HAS, recipient, id_) else None


async def read_all(conn: Connection, recipient: str, up_to: int = LAST_ID) -> Read:
    """Mark all notifications as read, up to an id: what came after it stays unread."""
    return await read(conn, recipient, 1, max(0, min(up_to, LAST_ID)))
