"""What a command begins with: a log of its own where it stays, the loop it runs in, a connection to PostgreSQL."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import uvloop

from health import configure
from outbox.database.connection import Connection, connect
from outbox.schema import migration
from workers.configuration.settings import Settings, SettingsError, load

Result = TypeVar("Result")

BAD_INSTANCE = re.compile(r"[^A-Za-z0-9_.-]")


def begin(service: str) -> Settings:
    """Read the settings of a process that stays, and let it log under its own name.

    Raises:
        SettingsError: one is malformed.

    """
    settings = load()
    if BAD_INSTANCE.search(settings.instance):
        raise SettingsError("INSTANCE is malformed: letters, digits, dot, dash and underscore only")
    configure(settings.log_level, settings.log_format, service, settings.instance)
    return settings


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
