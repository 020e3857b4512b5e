"""The relay with in-app and Telegram fan-out, beside the plain insert of the same events."""

import time

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.bench.table import Figure

EVENTS = 100_000
RECIPIENTS = 1_000
ROUTES = Routing({"t": Route("t", "c", frozenset(Channel))})

LINK = "insert into outbox.telegram_link (recipient, chat_id) select 'u' || i, i from generate_series(1, $1::integer) i"
FILL = """
insert into outbox.event (type, recipients, payload)
select 't', array['u' || 1 + i % $2::integer], '{"job": "UGC", "brand": "Acme & Sons", "url": "/jobs/1"}'
from generate_series(1, $1::integer) i
"""


async def fill(conn: Connection, events: int, recipients: int) -> float:
    """Link people and write events for them in one transaction; return how many a second."""
    await conn.execute(LINK, recipients)
    began = time.perf_counter()
    await conn.execute(FILL, events, recipients)
    return events / (time.perf_counter() - began)


async def drain(conn: Connection) -> int:
    """Relay everything; return how many events that were."""
    total = 0
    while batch := await fan_out.step(conn, ROUTES):
        total += sum(batch.relayed.values())
        if not batch.relayed and not batch.more:
            break
    return total


async def measure(url: str) -> Figure:
    """Relay a backlog with one connection."""
    conn = await connect(url)
    floor = await fill(conn, EVENTS, RECIPIENTS)
    began = time.perf_counter()
    total = await drain(conn)
    rate = total / (time.perf_counter() - began)
    await conn.close()
    return Figure(
        "relay, in-app and Telegram", f"{rate:,.0f} events/s", "40,000/s", f"bulk insert of the events {floor:,.0f}/s"
    )
