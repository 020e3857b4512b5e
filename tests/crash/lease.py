"""Leases that end sooner than by their own time, so that a test need not wait for it."""

from contextlib import suppress
from datetime import timedelta

from outbox.database.connection import Connection
from outbox.lane.lane_claim import LEASE
from tests.integration.stage import until_true

# what time would do
END = "update outbox.run set lease_until = now() where lease_until <= now() + $1::interval - $2::interval"


async def end(conn: Connection, *, older_than: timedelta) -> None:
    """End the leases that were given this long ago or longer: dead workers hold them."""
    await conn.execute(END, LEASE, older_than)


# nothing waits, nothing is being sent, nothing is to be relayed
SETTLED = """
select not exists (select from outbox.delivery where phase = 'open')
  and not exists (select from outbox.event e where not exists (select from outbox.batch b where b.events @> e.id))
"""


async def all_settled(conn: Connection) -> bool:
    """Tell whether every event is relayed and every delivery at its end."""
    return bool(await conn.fetchval(SETTLED))


async def let_settle(conn: Connection, *, older_than: timedelta) -> None:
    """End old leases until all is settled, or for as long as one can wait: the judge names what is not."""

    async def settled() -> bool:
        await end(conn, older_than=older_than)
        return await all_settled(conn)

    with suppress(TimeoutError):
        await until_true(settled)
