"""Connections to the application's PostgreSQL."""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from outbox.database.pgbouncer import PooledConnection, is_pooled, plain
from outbox.database.planner import PLANNER

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
SETTINGS: Mapping[str, str] = {"application_name": "vestnik", **PLANNER}

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

POOLER_REFUSES = ("unsupported startup parameter", "authentication failed", "does not exist")
"""What PgBouncer says to a connection that it will never take; its class is that of many a passing trouble."""

FREE_PLANNER = """
set local enable_seqscan = on; set local enable_hashjoin = on; set local enable_mergejoin = on;
set local enable_bitmapscan = on; set local plan_cache_mode = auto
"""
"""For a transaction that reads whole tables."""


def refusal(fault: BaseException) -> str | None:
    """Say in words why this DATABASE_URL will never do; None when it may yet. The driver's text can hold an address."""
    if isinstance(fault, REFUSED):
        return f"DATABASE_URL is refused by PostgreSQL: {type(fault).__name__}"
    if isinstance(fault, asyncpg.ClientConfigurationError):
        return "DATABASE_URL cannot be used: is its sslmode right, and are its certificate files there?"
    if isinstance(fault, asyncpg.ProtocolViolationError) and any(words in str(fault) for words in POOLER_REFUSES):
        if POOLER_REFUSES[0] in str(fault):
            return "DATABASE_URL leads to PgBouncer and does not say so: add pgbouncer=true to its parameters"
        return "DATABASE_URL is refused by PgBouncer: is there such a database, role and password?"
    return None


async def prepare(conn: Connection) -> None:
    """Teach a connection to carry jsonb as Python values."""
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads, format="text")


def _options(url: str) -> dict[str, Any]:
    """Say how to connect: behind PgBouncer each transaction brings its settings along, else the session has them."""
    if not is_pooled(url):
        return {"dsn": plain(url), "server_settings": dict(SETTINGS)}
    named = {"application_name": SETTINGS["application_name"]}
    return {"dsn": plain(url), "server_settings": named, "connection_class": PooledConnection}


async def connect(url: str) -> Connection:
    """Open one connection, for a command or for LISTEN."""
    conn: Connection = await asyncpg.connect(**_options(url), timeout=CONNECT_TIMEOUT_S)
    await prepare(conn)
    return conn


async def _keep(_conn: Connection) -> None:
    """Leave a returned connection as it is: nobody changes it, and the usual reset is a round trip each time."""


async def open_pool(url: str, *, size: int) -> Pool:
    """Open a pool of up to `size` connections; it connects when it is first used."""
    pool: Pool = await asyncpg.create_pool(
        **_options(url),
        min_size=0,
        max_size=size,
        init=prepare,
        reset=_keep,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
    )
    return pool


async def close_pool(pool: Pool) -> None:
    """Close the pool; a connection that does not end by itself is broken off."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await pool.close()
    except (TimeoutError, *OUT_OF_REACH):
        pool.terminate()
