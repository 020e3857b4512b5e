"""The schema while a process runs: somebody may roll it back, or restore an older one, under it."""

import asyncio

import asyncpg

from health import Health
from outbox.database.connection import OUT_OF_REACH, Connection, Pool
from outbox.schema import migration
from workers.process.postgres_retry import PostgresOutOfReachError, answered, wait_for, watching_postgres

EVERY_S = 5.0


class SchemaWatch:
    """Compare what is applied with what this process needs.

    That is what it has begun with: an upgrade may put newer migrations in the place of those while it runs. What is
    applied beyond them is no fault, for old and new versions work side by side.
    """

    def __init__(self) -> None:
        self._needed = {known.number: known.name for known in migration.migrations()}

    async def look(self, conn: Connection, health: Health) -> None:
        """Tell health what is wrong with the schema, if anything."""
        try:
            rows = await conn.fetch(migration.APPLIED) if await conn.fetchval(migration.EXISTS) else []
        except OUT_OF_REACH:
            raise
        except asyncpg.PostgresError as fault:
            health.schema_fault = f"the schema cannot be read: {type(fault).__name__}, see vestnik doctor"
            return
        applied = {row["number"] for row in rows}
        health.schema_fault = _said([name for number, name in self._needed.items() if number not in applied])


def _said(lacking: list[str]) -> str:
    if not lacking:
        return ""
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return f"the schema lacks {lacking[0]}{more}: run vestnik migrate"


async def watch_schema(pool: Pool, health: Health, stopping: asyncio.Event) -> None:
    """Look now and then until the process stops, also while it has no other business with PostgreSQL."""
    watch = SchemaWatch()
    while not stopping.is_set():
        try:
            async with watching_postgres(health), pool.acquire() as conn:
                await watch.look(conn, health)
                answered(health)
        except PostgresOutOfReachError:
            pass  # health knows
        await wait_for(stopping, EVERY_S)
