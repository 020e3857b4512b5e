"""What is looked at before a worker begins, so that it refuses with words instead of failing later."""

from health import get_logger
from outbox import cursor, migration
from outbox.database import connect
from workers.parts import Parts
from workers.patience import OUT_OF_REACH, REFUSED, PostgresOutOfReachError, watching_postgres
from workers.settings import SettingsError

log = get_logger()


async def preflight(parts: Parts) -> None:
    """Refuse a database without our schema, or one whose cursor is another cluster's.

    A PostgreSQL that is away is no reason to refuse: the worker waits for it.

    Raises:
        SettingsError: PostgreSQL refuses DATABASE_URL.
        MigrationError: the schema is not up to date.
        ForeignClusterError: the database was restored or copied.

    """
    try:
        conn = await connect(parts.settings.secret("DATABASE_URL"))
        await conn.close()
    except REFUSED as fault:
        raise SettingsError(f"DATABASE_URL is refused by PostgreSQL: {type(fault).__name__}") from None
    except OUT_OF_REACH:
        pass  # said below
    try:
        async with watching_postgres(parts.health), parts.pool.acquire() as conn:
            await migration.require_current(conn)
            async with conn.transaction():
                await cursor.lock(conn)
    except PostgresOutOfReachError:
        parts.out_of_reach.add("postgres")
        log.warning("postgres_out_of_reach")
