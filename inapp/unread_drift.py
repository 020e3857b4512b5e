"""Drift: whether the unread counters are what they count. They move with their rows, so anything but 0 is a fault."""

from typing import NamedTuple

from outbox.database.connection import Connection

START = ""
"""Before every recipient."""


class DriftCount(NamedTuple):
    """What one look at a piece of the inboxes has found."""

    drifted: int
    """Recipients whose counter differs from their unread notifications."""
    last: str | None
    """Where the next look goes on; None: there are no more."""


# one statement, so that no counter is compared with the rows of another moment; both sides by index alone
PAGE = """
select count(*) filter (where i.unread <> n.unread) as drifted,
  case when count(*) = $2 then max(i.recipient) end as last
from (select recipient, unread from outbox.inbox where recipient > $1 order by recipient limit $2) i
cross join lateral (
  select count(*) as unread from (
    select from outbox.notification n
    where n.recipient = any(array[i.recipient]) and n.read_at is null order by n.recipient
  ) n
) n
"""


async def page(conn: Connection, after: str, limit: int) -> DriftCount:
    """Compare the next `limit` inboxes with their rows, in the order of their recipients."""
    row = await conn.fetchrow(PAGE, after, limit)
    if row is None:  # a count always answers
        raise AssertionError
    return DriftCount(row["drifted"], row["last"])
