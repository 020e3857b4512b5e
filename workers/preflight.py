"""What is looked at before a worker begins, so that it refuses with words instead of failing later."""

from health import get_logger
from outbox import cursor, migration
from workers.parts import Parts
from workers.patience import PostgresOutOfReachError, watching_postgres

log = get_logger()


async def preflight(parts: Parts) -> None:
    """Refuse a database without our schema, or one whose cursor is another cluster's.

    A PostgreSQL that is away is no reason to refuse: the worker waits for it.

    Raises:
        MigrationError: the schema is not up to date.
        ForeignClusterError: the database was restored or copied.

    """
    try:
        async with watching_postgres(parts.health), parts.pool.acquire() as conn:
            await migration.require_current(conn)
            async with conn.transaction():
                await cursor.lock(conn)
    except PostgresOutOfReachError:
        parts.out_of_reach.add("postgres")
        log.warning("postgres_out_of_reach")
