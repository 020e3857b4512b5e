"""The SQL of docs/runbook.md does what the page says."""

import re

import pytest

from inapp import unread_drift
from inapp.reading import read_all, read_one
from inapp.unread_drift import START, DriftCount
from outbox.database.connection import Connection, connect
from tests import page
from tests.integration.inboxes import counted, ids, notify
from tests.integration.stage import until

ENTRIES = page.entries(page.read("runbook.md"))
BLOCKS = {
    "VestnikRelayLate": ["select"],
    "VestnikUnreadDrift": ["select", "begin;"],
    "VestnikTransactionOpen": ["select"],
}
LINES = {
    "VestnikTransactionOpen": ["select pg_terminate_backend(PID)"],
    "VestnikOutboxLarge": ["vacuum full outbox.TABLE"],
}


def block(entry: str, beginning: str) -> str:
    """Read the one block of an entry's SQL that begins so."""
    (found,) = [sql for sql in page.blocks(ENTRIES[entry], "sql") if sql.startswith(beginning)]
    return found


def test_no_sql_is_left_out() -> None:
    """These tests run each block and each statement of the page; one more has to be run too."""
    begin = {entry: [sql.split()[0] for sql in page.blocks(text, "sql")] for entry, text in ENTRIES.items()}
    assert {entry: words for entry, words in begin.items() if words} == BLOCKS
    said = {
        entry: [code for code in page.typed(text) if re.match("select |vacuum ", code)]
        for entry, text in ENTRIES.items()
    }
    assert {entry: lines for entry, lines in said.items() if lines} == LINES


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
    assert await unread_drift.page(conn, START, 10) == DriftCount(0, None)
    assert await conn.fetch(block("VestnikUnreadDrift", "select")) == []
    assert await counted(conn, "bob") == right


async def test_who_holds_what_is_asked_in_sql_that_works(conn: Connection) -> None:
    """A writing transaction is listed while it is open; nobody waits for a lock."""
    async with conn.transaction():
        await notify(conn, 1, "ann")
        rows = await conn.fetch(block("VestnikTransactionOpen", "select"))
        assert await conn.fetchval("select pg_backend_pid()") in {row["pid"] for row in rows}
    assert await conn.fetch(block("VestnikRelayLate", "select")) == []


@pytest.mark.direct
async def test_what_is_ended_is_rolled_back(conn: Connection, database_url: str) -> None:
    """Who holds a transaction open loses it with its events; nothing of it is left."""
    (end,) = LINES["VestnikTransactionOpen"]
    other = await connect(database_url)
    await other.transaction().start()
    await notify(other, 1, "ann")
    found = await conn.fetch(block("VestnikTransactionOpen", "select"))
    # the server's own are listed, too, such as an autovacuum's
    (holder,) = [row for row in found if row["pid"] == other.get_server_pid()]
    assert await conn.fetchval(end.replace("PID", str(holder["pid"])))
    await until(other.is_closed)
    assert await conn.fetchval("select count(*) from outbox.event") == 0


@pytest.mark.direct
async def test_the_room_is_given_back(conn: Connection) -> None:
    """A table that was emptied takes as good as no room after its vacuum."""
    (vacuum,) = LINES["VestnikOutboxLarge"]
    size = "select pg_relation_size('outbox.notification')"
    await notify(conn, 100, "ann")
    await conn.execute("delete from outbox.notification")
    assert await conn.fetchval(size) > 0
    await conn.execute(vacuum.replace("TABLE", "notification"))
    assert await conn.fetchval(size) == 0
