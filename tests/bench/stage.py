"""What the rows stand on: one PostgreSQL, one Valkey, one catalog, and a database of its own for each row."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from outbox.database.connection import Connection, connect
from outbox.schema import migration
from tests.bench import catalog, worker
from tests.pooler import Pooler, pgbouncer
from workers.embedded import engine
from workers.embedded.engine import Postgres

SETTINGS: Mapping[str, str] = {
    # what a server of this size would be given; everything that makes a commit safe stays on
    "max_wal_size": "8GB",
    "shared_buffers": "512MB",
    # what comes by at a moment of its own choice is not what is measured
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "shared_preload_libraries": "pg_stat_statements",
    "max_connections": "200",
}
TEMPLATE = "bench_template"
POOLED = os.environ.get("VESTNIK_TEST_POOLER") == "pgbouncer"
PEOPLE = 10_000
OTHERS = 100
"""So many people more are linked, for whom nothing is emitted but what is measured one by one."""

LINK = "insert into outbox.telegram_link (recipient, chat_id) select 'u' || i, i from generate_series(1, $1::integer) i"
"""Chats of all the people."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The database of one row: everybody is linked, nothing has been emitted."""

    stage: "Stage"
    url: str
    conn: Connection
    people: int
    """Who is linked: `u1` and on, the last of them others than those that a load is for."""
    others: int = OTHERS

    def settings(self, **more: str) -> dict[str, str]:
        """Name the settings of a worker on it."""
        name = self.url.rpartition("/")[2]
        url = self.url if self.stage.pooler is None else self.stage.pooler.url(name)
        return worker.environment(url, self.stage.redis_url, self.stage.catalog, **more)


@dataclass(frozen=True, slots=True)
class Stage:
    """Engines and catalog, for as long as the rows run."""

    server: Postgres
    redis_url: str
    folder: Path
    catalog: Path
    scale: float = 1.0
    """1: as many events as the row wants; less, and its figures are only good to see that it runs."""
    rounds: int = 3
    """How often the things that are compared take turns."""
    pooler: Pooler | None = None
    """What stands between workers and PostgreSQL; those who emit and look go past it."""

    def size(self, events: int) -> int:
        """Tell how many events there are on this scale."""
        return max(100, round(events * self.scale))

    async def prepare(self) -> None:
        """Make the database that those of the rows are copies of."""
        admin = await connect(self.server.url())
        await admin.execute("create database " + TEMPLATE)
        await admin.close()
        conn = await connect(self.server.url(TEMPLATE))
        await migration.migrate(conn)
        await conn.execute("create extension pg_stat_statements")
        await conn.close()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """Lend a migrated database by its address."""
        name = "bench_" + uuid.uuid4().hex
        admin = await connect(self.server.url())
        await admin.execute("create database " + name + " template " + TEMPLATE)
        try:
            yield self.server.url(name)
        finally:
            await admin.execute("drop database " + name + " with (force)", timeout=300)
            await admin.close()

    @asynccontextmanager
    async def ground(self, people: int = PEOPLE) -> AsyncIterator[Ground]:
        """Lend a database in which so many people are linked, and some others."""
        async with self.database() as url:
            conn = await connect(url)
            await conn.execute(LINK, people + OTHERS, timeout=300)
            yield Ground(self, url, conn, people + OTHERS)
            await conn.close()


@contextmanager
def stage(scale: float = 1.0, rounds: int = 3, settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Start the engines, those that the tests run on; all of it ends with the block."""
    with ExitStack() as stack:
        folder = stack.enter_context(engine.temporary_folder("vestnik-bench-"))
        server = stack.enter_context(engine.postgres(binaries=_binaries(), settings={**SETTINGS, **(settings or {})}))
        cache = stack.enter_context(engine.valkey())
        types = catalog.write(folder / "catalog")
        pooler = stack.enter_context(pgbouncer(server)) if POOLED else None
        yield Stage(server, cache.connection_url, folder, types, scale, rounds, pooler)


def _binaries() -> Path | None:
    chosen = os.environ.get("VESTNIK_TEST_POSTGRES", "embedded")
    return None if chosen == "embedded" else Path(chosen)
