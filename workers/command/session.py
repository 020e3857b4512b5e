"""One command's connection to PostgreSQL, and the loop it runs in."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import uvloop

from outbox import migration
from outbox.database import Connection, connect
from workers.settings import load

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run one command's coroutine to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@asynccontextmanager
async def database(*, schema: bool = True) -> AsyncIterator[Connection]:
    """Connect to DATABASE_URL for as long as the block lasts.

    Raises:
        SettingsError: it is not set.
        MigrationError: the schema is not up to date; not asked with `schema=False`.

    """
    conn = await connect(load().secret("DATABASE_URL"))
    try:
        if schema:
            await migration.require_current(conn)
        yield conn
    finally:
        await conn.close()
