"""The store of the bot's process: one transaction for one update."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from health import Health
from outbox.database.connection import Connection, Pool
from telegram.bot import StoreAwayError
from workers.process.postgres_retry import PostgresOutOfReachError, answered, watching_postgres

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """Does work in a transaction, and tells health whether PostgreSQL is there."""

    pool: Pool
    health: Health

    async def __call__(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do the work; all of it is kept, or nothing.

        Raises:
            StoreAwayError: PostgreSQL does not answer.

        """
        try:
            async with watching_postgres(self.health):
                async with self.pool.acquire() as conn, conn.transaction():
                    done = await work(conn)
                answered(self.health)
                return done
        except PostgresOutOfReachError:
            raise StoreAwayError from None
