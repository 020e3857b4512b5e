"""The relay's ledger stays small, and says the same."""

from datetime import timedelta

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.event_log.event import emit
from outbox.proof import completeness
from outbox.prune import relay_ledger
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.integration.test_fan_out import ROUTES, set_back
from tests.integration.test_proof import LONG_AGO

OTHERS = Routing({"order.hint": Route("order.hint", "hints", frozenset(Channel))})
AGE = "update outbox.batch set relayed_at = date_trunc('minute', now()) - interval '2 hours' + id * $1::interval"
SECOND = timedelta(seconds=1)


async def relay_each(conn: Connection, count: int, routes: Routing = ROUTES) -> None:
    """Relay events one by one, as they come at a slow pace."""
    for _ in range(count):
        await emit(conn, "order.hint", ["anna"])
        await fan_out.step(conn, routes)


async def batches(conn: Connection) -> list[tuple[int, str]]:
    """List the batches: how many events, and as which ranges."""
    rows = await conn.fetch(
        "select (select sum(upper(r) - lower(r)) from unnest(events) r)::integer as events, events::text as ranges"
        " from outbox.batch order by id"
    )
    return [(row["events"], row["ranges"]) for row in rows]


async def test_what_was_relayed_in_a_minute_becomes_one_row(conn: Connection) -> None:
    """Old batches of one minute are one row with the same events, which are accounted for and not relayed again."""
    low = await conn.fetchval("select low::text from outbox.cursor")
    await relay_each(conn, 70)
    await conn.execute(AGE, SECOND)
    await relay_ledger.shrink(conn)
    assert await batches(conn) == [(59, "{[1,60)}"), (11, "{[60,71)}")]
    found = await completeness.prove(conn, LONG_AGO)
    assert (found.holds, found.expected) == (True, 70)
    await set_back(conn, low)
    await fan_out.step(conn, ROUTES)
    assert await conn.fetchval("select count(*) from outbox.notification") == 70


async def test_the_newest_hour_stays_as_it_was(conn: Connection) -> None:
    """What was relayed lately keeps its exact time."""
    await relay_each(conn, 5)
    await relay_ledger.shrink(conn)
    assert len(await batches(conn)) == 5


async def test_other_routes_are_another_row(conn: Connection) -> None:
    """What went by another catalog's routes stays apart, in the same minute too."""
    await relay_each(conn, 3)
    await relay_each(conn, 2, OTHERS)
    await conn.execute(AGE, SECOND)
    await relay_ledger.shrink(conn)
    assert await batches(conn) == [(3, "{[1,4)}"), (2, "{[4,6)}")]
    assert (await completeness.prove(conn, LONG_AGO)).expected == 3 + 2 * 2


async def test_routes_go_that_nothing_was_relayed_by(conn: Connection) -> None:
    """Routes of a catalog without a batch go after a day; the relay that still has them writes them again."""
    await relay_each(conn, 1)
    await relay_each(conn, 1, OTHERS)
    await conn.execute("update outbox.route set created_at = now() - interval '2 days'")
    await conn.execute("delete from outbox.batch where routing = $1", ROUTES.id)
    await relay_ledger.shrink(conn)
    kept = await conn.fetch("select distinct routing from outbox.route")
    assert [row["routing"] for row in kept] == [OTHERS.id]
    await relay_each(conn, 1)
    assert await conn.fetchval("select count(*) from outbox.notification") == 3
