"""What is looked at before a worker begins, so that it refuses with words instead of failing later."""

from health import get_logger
from outbox import cursor, migration
from outbox.database import Connection
from outbox.error import MigrationError
from outbox.migration import Standing
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
            await check_schema(conn)
            async with conn.transaction():
                await cursor.lock(conn)
    except PostgresOutOfReachError:
        parts.out_of_reach.add("postgres")
        log.warning("postgres_out_of_reach")


async def check_schema(conn: Connection) -> None:
    """Refuse a schema that lacks a migration of this version.

    Raises:
        MigrationError: it does; the message names the command that mends it.

    """
    pending = [s.name for s in await migration.status(conn) if s.standing is Standing.PENDING]
    if pending:
        raise MigrationError(f"the schema lacks {', '.join(pending)}: run `vestnik migrate`")
