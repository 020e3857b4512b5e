"""Generation after generation of events: the tables keep their size, and the work stays the same."""

from datetime import timedelta
from typing import NamedTuple

from inapp.reading import read_all
from outbox.database.connection import Connection
from outbox.prune.event_prune import Ages, cutoff, prune
from tests.bench.lane import deliver
from tests.bench.relay import drain, fill

EVENTS, RECIPIENTS = 500, 50
GENERATIONS, SETTLED = 8, 3
AT_ONCE = Ages(timedelta(0), timedelta(0))
UNLINK = "delete from outbox.telegram_link"
TABLES = ("event", "batch", "delivery", "notification", "inbox", "lane")
SIZE = "select sum(pg_total_relation_size(c::regclass))::bigint from unnest($1::text[]) c"


class Generation(NamedTuple):
    """What one generation has left behind."""

    size: int
    rows: int


async def live(conn: Connection) -> Generation:
    """Emit, relay, deliver, let half of the people read, prune, and clean up as autovacuum does."""
    await conn.execute(UNLINK)
    await fill(conn, EVENTS, RECIPIENTS)
    await drain(conn)
    assert await deliver(conn) == EVENTS
    for number in range(1, RECIPIENTS // 2):
        await read_all(conn, f"u{number}")
    assert (await prune(conn, await cutoff(conn, AT_ONCE))).events == EVENTS
    for table in TABLES:
        await conn.execute(f"vacuum outbox.{table}")
    size = await conn.fetchval(SIZE, [f"outbox.{table}" for table in TABLES])
    return Generation(size, await conn.fetchval("select count(*) from outbox.event"))


async def test_the_tables_keep_their_size(conn: Connection) -> None:
    """After eight generations of events the tables are as large as after three."""
    lived = [await live(conn) for _ in range(GENERATIONS)]
    assert [one.rows for one in lived] == [0] * GENERATIONS
    assert lived[-1].size <= 1.1 * lived[SETTLED - 1].size
