"""Sizes: what the tables of the outbox take on the disk."""

from datetime import timedelta

from outbox.database import time_boxed
from outbox.database.connection import Connection

TABLES = ("event", "batch", "delivery", "notification", "attempt", "lane")
"""Those that grow with what is emitted; the rest is one sum."""
OTHER = "other"

WITHIN = timedelta(seconds=1)
"""A migration may hold a table for itself."""

MEASURE = """
select case when c.relname = any($1::text[]) then c.relname::text else $2 end as table,
  sum(pg_total_relation_size(c.oid))::bigint as bytes
from pg_class c where c.relnamespace = 'outbox'::regnamespace and c.relkind = 'r' group by 1
"""


async def measure(conn: Connection) -> dict[str, int] | None:
    """Tell how many bytes each table takes, with its indexes; None: it would have taken too long."""
    rows = await time_boxed.fetch(conn, WITHIN, MEASURE, TABLES, OTHER)
    return None if rows is None else {row["table"]: row["bytes"] for row in rows}
