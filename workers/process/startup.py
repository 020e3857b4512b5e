"""The foundation: the PostgreSQL and the Redis that a serving process stands on, and whether they are there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from health import Check, CheckName, Health, Status
from outbox.database.connection import Pool, refusal
from outbox.schema import migration
from workers.configuration.settings import SettingsError
from workers.process.postgres_retry import (
    OUT_OF_REACH,
    Backoff,
    PostgresOutOfReachError,
    answered,
    wait_for,
    watching_postgres,
)
from workers.process.redis_client import why
from workers.process.schema_watch import watch_schema

PING_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Startup:
    """What a process stands on; tells health how it fares."""

    pool: Pool
    redis: Redis
    health: Health
    stopping: asyncio.Event
    without_redis: Status
    """How the process fares while Redis is away."""

    async def is_fit(self) -> bool:
        """Refuse a database without our schema; false for one that does not answer yet.

        Raises:
            SettingsError: PostgreSQL refuses DATABASE_URL.
            MigrationError: the schema is not up to date.

        """
        try:
            async with watching_postgres(self.health):
                with refusal_named():
                    async with self.pool.acquire() as conn:
                        await migration.require_current(conn)
                answered(self.health)
        except PostgresOutOfReachError:
            return False
        return True

    async def wait_until_fit(self) -> None:
        """Look again and again until PostgreSQL has answered, or the process stops.

        Raises:
            SettingsError, MigrationError: as `is_fit`.

        """
        backoff = Backoff()
        while not self.stopping.is_set() and not await self.is_fit():
            await backoff.wait()

    async def watch(self) -> None:
        """Look whether both are there until the process stops, also while nobody comes."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch_schema(self.pool, self.health, self.stopping))
            tasks.create_task(self._watch_redis())

    async def _watch_redis(self) -> None:
        while not self.stopping.is_set():
            try:
                await self.redis.ping()
            except (RedisError, OSError, TimeoutError) as fault:
                self.health.record(CheckName.REDIS, Check(self.without_redis, why(fault)))
            else:
                self.health.record(CheckName.REDIS, Check(Status.OK, "answers"))
            await wait_for(self.stopping, PING_EVERY_S)


@contextmanager
def refusal_named() -> Iterator[None]:
    """Say in words that PostgreSQL answers, but not to this DATABASE_URL."""
    try:
        yield
    except OUT_OF_REACH as fault:
        refused = refusal(fault)
        if refused is None:
            raise
        raise SettingsError(refused) from None
