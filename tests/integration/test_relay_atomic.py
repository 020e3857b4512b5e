"""A batch of the relay is written whole or not at all, wherever in it the connection dies."""

import asyncpg
import pytest

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.proof.completeness import prove
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.integration.stage import until_true
from tests.integration.test_proof import LONG_AGO

# the death of a backend is seen through the very connection
pytestmark = pytest.mark.direct

ROUTES = Routing({"t": Route("t", "c", frozenset(Channel)), "later": Route("later", "c", frozenset(Channel))})

# in the order in which a batch writes them
TABLES = {
    "batch": "insert",
    "inbox": "insert or update",
    "notification": "insert",
    "lane": "insert",
    "delivery": "insert",
    "waiting": "insert",
    "cursor": "update",
}
DEADLY = """
create function public.die() returns trigger language plpgsql as
$$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(60); return null; end $$
"""
COUNT = "(select count(*) from outbox.{})"
TRACES = "select " + " + ".join(COUNT.format(table) for table in TABLES if table != "cursor")


@pytest.fixture
async def emitted(conn: Connection) -> list[int]:
    """Emit events that touch every table of a batch."""
    await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ('ann', 7)")
    later = await conn.fetchval("select now() + interval '1 day'")
    return [
        await event.emit(conn, "t", ["ann", "bob"]),
        await event.emit(conn, "later", ["ann"], deliver_at=later),
        await event.emit(conn, "unknown", ["ann"]),
        await event.emit(conn, "t", ["ann"]),
    ]


@pytest.mark.parametrize("table", TABLES)
async def test_a_backend_that_dies_anywhere_leaves_nothing(
    conn: Connection, database_url: str, emitted: list[int], table: str
) -> None:
    """Whichever table a batch was writing, nothing of it is left, and the next relay makes all of it, once."""
    await conn.execute(DEADLY)
    await conn.execute(
        f"create trigger die after {TABLES[table]} on outbox.{table} for each statement execute function public.die()"
    )
    dying = await connect(database_url)
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
        await fan_out.step(dying, ROUTES)
    await until_true(lambda: gone(conn))
    assert await conn.fetchval(TRACES) == 0
    await conn.execute(f"drop trigger die on outbox.{table}")
    batch = await fan_out.step(conn, ROUTES)
    assert batch is not None
    assert (batch.relayed, batch.scheduled, batch.unrouted) == ({"t": 2}, 1, 1)
    rows = await conn.fetch("select event_id from outbox.notification where recipient = 'ann' order by version")
    assert [row["event_id"] for row in rows] == [emitted[0], emitted[3]]
    found = await prove(conn, LONG_AGO)
    assert (found.holds, found.expected, found.waiting) == (True, 6, 2)


async def gone(conn: Connection) -> bool:
    """Return whether the cursor is free again: the transaction that died has been undone."""
    async with conn.transaction():
        return bool(await conn.fetch("select from outbox.cursor where consumer = 'relay' for update skip locked"))
