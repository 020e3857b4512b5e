"""What is looked at before a worker begins, so that it refuses with words instead of failing later."""

from collections.abc import Iterator
from contextlib import contextmanager

from outbox import cursor, migration
from workers.parts import Parts
from workers.patience import REFUSED, Backoff, PostgresOutOfReachError, answered, watching_postgres
from workers.settings import SettingsError


async def preflight(parts: Parts) -> bool:
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
                        await cursor.lock(conn)
            answered(parts.health)
    except PostgresOutOfReachError:
        parts.out_of_reach.add("postgres")
        return False
    return True


async def wait_until_fit(parts: Parts) -> None:
    """Look again and again until PostgreSQL has answered, or the process stops.

    What it must not begin with is not known before: on a restored database a lane that was sent would be sent again.

    Raises:
        SettingsError, MigrationError, ForeignClusterError: as `preflight`.

    """
    backoff = Backoff()
    while not parts.stopping.is_set() and not await preflight(parts):
        await backoff.wait()


@contextmanager
def refusal_named() -> Iterator[None]:
    """Say in words that PostgreSQL answers, but not to this DATABASE_URL."""
    try:
        yield
    except REFUSED as fault:
        raise SettingsError(f"DATABASE_URL is refused by PostgreSQL: {type(fault).__name__}") from None
