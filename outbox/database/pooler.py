"""Poolers: which kind stands between us and PostgreSQL, whatever the address says of it."""

from enum import StrEnum

from outbox.database.connection import Connection, connect
from outbox.database.pgbouncer import pooled


class Pooler(StrEnum):
    """What stands between."""

    NONE = "none"
    """PostgreSQL itself answers."""
    SESSION = "session"
    """A pooler that lends a session for as long as a connection lasts."""
    TRANSACTION = "transaction"
    """A pooler that lends a session for one transaction."""


OUR_SESSION = "select pg_backend_pid()"


async def stands_between(conn: Connection) -> bool:
    """Tell whether a pooler stands between: it gives its clients made-up process ids for cancelling."""
    return bool(await conn.fetchval(OUR_SESSION) != conn.get_server_pid())


async def pooler_of(url: str) -> Pooler:
    """Find out what stands between, whatever the address says of it.

    A session that one connection has just used, and that another one gets while the first is still open, is lent for a
    transaction. A pooler that takes turns among its idle sessions can pass for one that lends them for longer.
    """
    url = pooled(url)
    first = await connect(url)
    try:
        if not await stands_between(first):
            return Pooler.NONE
        second = await connect(url)
        try:
            used = {await first.fetchval(OUR_SESSION), await first.fetchval(OUR_SESSION)}
            shared = len(used) > 1 or await second.fetchval(OUR_SESSION) in used
        finally:
            await second.close()
    finally:
        await first.close()
    return Pooler.TRANSACTION if shared else Pooler.SESSION
