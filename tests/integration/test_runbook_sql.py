"""The SQL of docs/runbook.md does what the page says."""

import re
from pathlib import Path

from inapp import drift
from inapp.drift import START, Counted
from inapp.reading import read_all, read_one
from outbox.database import Connection
from tests.integration.inboxes import counted, ids, notify

PAGE = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")


def block(entry: str, beginning: str) -> str:
    """Read the one block of an entry's SQL that begins so."""
    section = PAGE.split(f"## {entry}\n")[1].split("\n## ")[0]
    (found,) = [sql for sql in re.findall(r"```sql\n(.*?)```", section, re.DOTALL) if sql.startswith(beginning)]
    return str(found)


async def test_drift_is_found_and_mended(conn: Connection) -> None:
    """The query lists who has drifted; the mending leaves no drift, and what was right as it was."""
    await notify(conn, 2, "ann", "bob", "cleo")
    await read_one(conn, "bob", (await ids(conn, "bob"))[0])
    await read_all(conn, "cleo")
    right = await counted(conn, "bob")
    await conn.execute("update outbox.inbox set unread = unread + 3 where recipient in ('ann', 'cleo')")

    found = await conn.fetch(block("VestnikUnreadDrift", "select"))
    assert {tuple(row) for row in found} == {("ann", 5, 2), ("cleo", 3, 0)}
    await conn.execute(block("VestnikUnreadDrift", "begin"))
    assert await drift.page(conn, START, 10) == Counted(0, None)
    assert await conn.fetch(block("VestnikUnreadDrift", "select")) == []
    assert await counted(conn, "bob") == right


async def test_who_holds_what_is_asked_in_sql_that_works(conn: Connection) -> None:
    """A writing transaction is listed while it is open; nobody waits for a lock."""
    async with conn.transaction():
        await notify(conn, 1, "ann")
        rows = await conn.fetch(block("VestnikTransactionOpen", "select"))
        assert await conn.fetchval("select pg_backend_pid()") in {row["pid"] for row in rows}
    assert await conn.fetch(block("VestnikRelayLate", "select")) == []
