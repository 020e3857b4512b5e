"""docs/retention.md knows every table."""

import re
from pathlib import Path

from outbox.database.connection import Connection

PAGE = (Path(__file__).parents[2] / "docs" / "retention.md").read_text(encoding="utf-8")
ROWS = PAGE.split("## What bounds each table\n")[1]


async def test_each_table_has_its_bound(conn: Connection) -> None:
    """The page says of each table of the schema what bounds it, once, and of no other."""
    named = [name for row in re.findall(r"^\|([^|]+)\|", ROWS, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    tables = await conn.fetch("select tablename from pg_tables where schemaname = 'outbox'")
    assert sorted(named) == sorted(row["tablename"] for row in tables)
