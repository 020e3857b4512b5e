"""What a process says when somebody changes the schema under it."""

import asyncio

import pytest
from redis.asyncio import Redis

from health import Check, CheckName, Health, Status
from outbox.database.connection import Connection, Pool
from tests.integration.stage import until
from workers.process.postgres_retry import answered
from workers.process.schema_watch import SchemaWatch
from workers.process.startup import Startup

CHANGES = {
    "rolled back by one": (
        "delete from outbox.migration where number = 12",
        "the schema lacks 0012_event_bounded_checked: run vestnik migrate",
    ),
    "rolled back by three": (
        "delete from outbox.migration where number in (9, 10, 12)",
        "the schema lacks 0009_api and 2 more: run vestnik migrate",
    ),
    "taken out of sight": (
        "alter table outbox.migration rename column name to other_name",
        "the schema cannot be read: UndefinedColumnError, see vestnik doctor",
    ),
}


async def looked(watch: SchemaWatch, conn: Connection, health: Health) -> Check:
    """Look as a process does; give what the check of PostgreSQL says."""
    await watch.look(conn, health)
    answered(health)
    return health.checks[CheckName.POSTGRES]


@pytest.mark.parametrize(("change", "detail"), CHANGES.values(), ids=CHANGES)
async def test_a_schema_that_is_not_the_one_it_needs_is_unhealthy(conn: Connection, change: str, detail: str) -> None:
    """A PostgreSQL that answers with another schema is unhealthy, says which command mends it, and is ok again then."""
    watch, health = SchemaWatch(), Health("worker", "w", [CheckName.POSTGRES])
    assert await looked(watch, conn, health) == Check(Status.OK, "answers")
    changing = conn.transaction()
    await changing.start()
    await conn.execute(change)
    savepoint = conn.transaction()
    await savepoint.start()
    assert await looked(watch, conn, health) == Check(Status.UNHEALTHY, detail)
    assert health.status is Status.UNHEALTHY
    assert detail in str(health.probe())
    await changing.rollback()
    assert await looked(watch, conn, health) == Check(Status.OK, "answers")


async def test_a_newer_schema_is_no_fault(conn: Connection) -> None:
    """What a newer version has applied beyond it leaves a process as it is: both work side by side."""
    watch, health = SchemaWatch(), Health("worker", "w", [CheckName.POSTGRES])
    await conn.execute("insert into outbox.migration (number, name, checksum) values (9999, '9999_later', 'x')")
    assert await looked(watch, conn, health) == Check(Status.OK, "answers")


async def test_a_database_without_the_schema_is_named(conn: Connection) -> None:
    """Where the schema is gone, all of it is lacking."""
    watch, health = SchemaWatch(), Health("worker", "w", [CheckName.POSTGRES])
    await conn.execute("drop schema outbox cascade")
    check = await looked(watch, conn, health)
    assert check.status is Status.UNHEALTHY
    assert check.detail.startswith("the schema lacks 0001_event and ")


async def test_the_bot_and_the_api_look_too(pool: Pool, conn: Connection, redis_url: str) -> None:
    """What both stand on looks at the schema before it says that PostgreSQL answers."""
    health, stopping = Health("api", "a", [CheckName.POSTGRES, CheckName.REDIS]), asyncio.Event()
    await conn.execute("delete from outbox.migration where number = 12")
    async with Redis.from_url(redis_url) as redis:
        foundation = Startup(pool, redis, health, stopping, Status.DEGRADED)
        watching = asyncio.create_task(foundation.watch())
        await until(lambda: health.checks[CheckName.POSTGRES].detail.startswith("the schema lacks 0012"))
        await until(lambda: health.checks[CheckName.REDIS].status is Status.OK)
        stopping.set()
        await watching
    assert health.status is Status.UNHEALTHY
