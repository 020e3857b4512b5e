"""What of PostgreSQL's silence is told to health, and what is no news any more."""

from collections.abc import Callable

import asyncpg
import pytest

from health import Check, CheckName, Health, Status
from workers.process.postgres_retry import PostgresOutOfReachError, answered, watching_postgres


def looked_at() -> Health:
    """Make a health for which PostgreSQL has answered."""
    health = Health("worker", "w", uses=[CheckName.POSTGRES])
    answered(health)
    return health


def status(health: Health) -> Status:
    """Tell how PostgreSQL fares."""
    return health.checks[CheckName.POSTGRES].status


async def fail(health: Health, fault: Exception, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Let a fault come while PostgreSQL is watched, after something else."""

    async def work() -> None:
        async with watching_postgres(health):
            meanwhile()
            raise fault

    with pytest.raises(PostgresOutOfReachError):
        await work()


@pytest.mark.parametrize(
    "fault",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.AdminShutdownError(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_postgres_that_does_not_answer_is_unhealthy(fault: Exception) -> None:
    """Whatever the driver calls it, health says it by the fault's name, and the text stays inside."""
    health = looked_at()
    await fail(health, fault)
    assert health.checks[CheckName.POSTGRES] == Check(Status.UNHEALTHY, f"out of reach: {type(fault).__name__}")


async def test_a_connection_that_broke_long_ago_is_no_news() -> None:
    """A fault on a connection from before PostgreSQL's last answer changes nothing: the next try tells."""
    health = looked_at()
    await fail(health, ConnectionResetError(), meanwhile=lambda: answered(health))
    assert status(health) is Status.OK


async def test_a_block_that_ends_well_proves_nothing() -> None:
    """Only who has asked PostgreSQL says that it answers: a block may have waited for something else."""
    health = looked_at()
    await fail(health, ConnectionRefusedError())
    async with watching_postgres(health):
        pass
    assert status(health) is Status.UNHEALTHY


async def test_a_fault_of_our_own_is_not_postgres() -> None:
    """An exception that says nothing of the connection goes through, and health does not change."""
    health = looked_at()
    with pytest.raises(asyncpg.UndefinedTableError):
        async with watching_postgres(health):
            raise asyncpg.UndefinedTableError
    assert status(health) is Status.OK
