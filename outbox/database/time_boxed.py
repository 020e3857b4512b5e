"""Hurry: a query that is given up when it takes too long, because what it asks for is not worth the wait."""

from datetime import timedelta

import asyncpg

from outbox.database.connection import Connection

LIMIT = "select set_config('statement_timeout', $1, true)"


async def fetch(conn: Connection, within: timedelta, sql: str, *arguments: object) -> list[asyncpg.Record] | None:
    """Run a query that only reads; None: it took too long and was given up."""
    try:
        # one of its own, or a part of another one: what is given up takes nothing else along
        async with conn.transaction():
            await conn.execute(LIMIT, str(within // timedelta(milliseconds=1)))
            return await conn.fetch(sql, *arguments)
    except asyncpg.QueryCanceledError:
        return None
