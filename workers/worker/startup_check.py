"""What is looked at before a worker begins, so that it refuses with words instead of failing later."""

from outbox.cursor import snapshot_cursor
from outbox.schema import migration
from workers.process.postgres_retry import Backoff, PostgresOutOfReachError, answered, watching_postgres
from workers.process.startup import refusal_named
from workers.wiring.worker_parts import WorkerParts


async def preflight(parts: WorkerParts) -> bool:
    """Refuse a database without our schema, or one whose cursor is another cluster's.

    A PostgreSQL that is away is no reason to refuse: false then, and nothing is known yet.

    Raises:
        SettingsError: PostgreSQL refuses DATABASE_URL.
        MigrationError: the schema is not up to date.
        ForeignClusterError: the database was restored or copied.

    """
    try:
        async with watching_postgres(parts.health):
            with refusal_named():
                async with parts.pool.acquire() as conn:
                    await migration.require_current(conn)
                    async with conn.transaction():
                        await snapshot_cursor.lock(conn)
            answered(parts.health)
    except PostgresOutOfReachError:
        parts.out_of_reach.add("postgres")
        return False
    return True


async def wait_until_fit(parts: WorkerParts) -> None:
    """Look again and again until PostgreSQL has answered, or the process stops.

    What it must not begin with is not known before: on a restored database a lane that was sent would be sent again.

    Raises:
        SettingsError, MigrationError, ForeignClusterError: as `preflight`.

    """
    backoff = Backoff()
    while not parts.stopping.is_set() and not await preflight(parts):
        await backoff.wait()
