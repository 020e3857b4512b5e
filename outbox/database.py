"""Connections to the application's PostgreSQL."""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    # asyncpg's classes take no parameters at run time
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
CLOSE_WITHIN_S = 1.0
SETTINGS: Mapping[str, str] = {
    "application_name": "vestnik",
    # the statements are small and their shapes known: compiling them costs more than it gives
    "jit": "off",
    # Every hot statement looks up a batch of rows by index. A plan made while a table was still empty, or cheap by
    # an estimate, must do that too: read whole, a table of millions makes each batch slow.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # and one plan for every batch: made once, and not by guesses about the values of this one
    "plan_cache_mode": "force_generic_plan",
}


REFUSED = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
"""PostgreSQL answers, but not to this DATABASE_URL: no such database, role or password."""

OUT_OF_REACH = (
    *REFUSED,
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # what asyncpg says when a connection ends in the same moment as a query begins on it
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)

FREE_PLANNER = """
set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on;
set local plan_cache_mode = auto
"""
"""For a transaction that reads whole tables."""


async def prepare(conn: Connection) -> None:
    """Teach a connection to carry jsonb as Python values."""
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads, format="text")


async def connect(url: str) -> Connection:
    """Open one connection, for a command or for LISTEN."""
    conn = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, server_settings=dict(SETTINGS))
    await prepare(conn)
    return conn


async def _keep(_conn: Connection) -> None:
    """Leave a returned connection as it is: nobody changes it, and the usual reset is a round trip each time."""


async def open_pool(url: str, *, size: int) -> Pool:
    """Open a pool of up to `size` connections; it connects when it is first used."""
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        init=prepare,
        reset=_keep,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=dict(SETTINGS),
    )


async def close_pool(pool: Pool) -> None:
    """Close the pool; a connection that does not end by itself is broken off."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await pool.close()
    except (TimeoutError, *OUT_OF_REACH):
        pool.terminate()
