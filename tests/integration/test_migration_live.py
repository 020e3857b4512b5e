"""Migrations on a live system: nobody waits for them, and they wait for whoever is in the way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copy

import asyncpg
import pytest

from outbox.database.connection import Connection, connect
from outbox.error import MigrationError
from outbox.schema import lock_wait, migration, shape
from outbox.schema.migration import BREAKING, NO_TRANSACTION
from tests.integration.stage import PROJECT, until, until_true

FILES = sorted((PROJECT / "outbox" / "migrations").glob("*.sql"))
LIVE = [file for file in FILES if not file.read_text().startswith(BREAKING)]
"""Those that are applied while an earlier version works."""
OLD = 8
"""So many files had the schema that is migrated."""

LONGEST_WAIT = "1s"
"""Whoever works beside a migration gives up a wait for a lock that is longer, and the test with it."""

LOAD = (
    "select outbox.emit('live', array['r' || n % 500], '{}') from generate_series(1, 20) n",
    """with fresh as (insert into outbox.notification (event_id, recipient, type, category, version)
         select nextval('outbox.event_id_seq'), 'r' || n, 'live', 'c', 1 from generate_series(1, 20) n
         returning recipient)
       insert into outbox.inbox as i (recipient, unread, version) select recipient, 1, 1 from fresh
       on conflict (recipient) do update set unread = i.unread + 1, version = i.version + 1""",
    "update outbox.notification set read_at = now() where recipient = 'r7' and read_at is null",
    "select count(*) from outbox.notification where recipient = 'r8' and read_at is null",
    """update outbox.delivery set state = 'sent', attempts = attempts + 1, settled_at = now()
       where id in (select id from outbox.delivery where phase = 'open' order by id limit 20 for update skip locked)""",
    """insert into outbox.delivery (event_id, lane_id, channel, recipient, state)
       select nextval('outbox.event_id_seq'), n, 'telegram', 'r' || n, 'pending' from generate_series(1, 20) n""",
    "update outbox.lane set paced_until = now() where id % 50 = 3",
    "insert into outbox.attempt (delivery_id, token, outcome) select min(id), 1, 'retry' from outbox.delivery",
    "select r.*, t.* from outbox.recipient r left join outbox.telegram_link t using (recipient) where recipient = 'r9'",
)
"""What the workers of the old schema do to its tables, in short."""

FILL = """
insert into outbox.event (type, recipients) select 'old', array['r' || n % 500] from generate_series(1, 20000) n;
insert into outbox.lane (channel, recipient) select 'telegram', 'r' || n from generate_series(1, 500) n;
insert into outbox.delivery (event_id, lane_id, channel, recipient, state)
select n, n % 500 + 1, 'telegram', 'r' || n % 500, 'pending' from generate_series(1, 20000) n;
insert into outbox.notification (event_id, recipient, type, category, version)
select n, 'r' || n % 500, 'old', 'c', 1 from generate_series(1, 20000) n;
insert into outbox.recipient (recipient) select 'r' || n from generate_series(1, 500) n;
"""


class Load:
    """Connections that do the old workers' work, one statement after the other."""

    def __init__(self) -> None:
        self.rounds = [0] * len(LOAD)
        """How often each of them has run its statement."""

    async def work(self, url: str, which: int) -> None:
        """Run one statement for ever; fails when it has to wait for a lock too long."""
        conn = await connect(url)
        try:
            await conn.execute(f"set lock_timeout = '{LONGEST_WAIT}'")
            while True:
                await conn.execute(LOAD[which])
                self.rounds[which] += 1
        finally:
            await conn.close()

    async def goes_on(self) -> None:
        """Wait until each has run its statement once more, from its beginning to its end."""
        seen = [count + 2 for count in self.rounds]
        await until(lambda: all(now >= then for now, then in zip(self.rounds, seen, strict=True)))


@asynccontextmanager
async def under_load(url: str) -> AsyncIterator[Load]:
    """Work beside the block; what fails there fails the block."""
    load = Load()
    async with asyncio.TaskGroup() as group:
        works = [group.create_task(load.work(url, which)) for which in range(len(LOAD))]
        await load.goes_on()
        yield load
        for work in works:
            work.cancel()


@pytest.fixture
def conn(empty: Connection) -> Connection:
    """Migrate what has no schema yet."""
    return empty


@asynccontextmanager
async def holding(url: str, statement: str) -> AsyncIterator[Connection]:
    """Keep a transaction open in which a statement has run."""
    conn = await connect(url)
    try:
        async with conn.transaction():
            await conn.execute(statement)
            yield conn
    finally:
        await conn.close()


async def apply_first(conn: Connection, migrations: Path, count: int, rest: Sequence[Path] = FILES) -> None:
    """Bring the schema to where it stood after so many files; others of the rest are pending then."""
    for file in FILES[:count]:
        copy(file, migrations)
    await migration.migrate(conn)
    for file in rest[count:]:
        copy(file, migrations)


async def test_nobody_waits_for_a_migration(conn: Connection, empty_database_url: str, migrations: Path) -> None:
    """A filled schema is migrated under load, past a long transaction in its way; nobody waits over 1 s for a lock."""
    await apply_first(conn, migrations, OLD, LIVE)
    await conn.execute(FILL)
    said: list[str] = []

    async with under_load(empty_database_url) as load, asyncio.TaskGroup() as deploy:
        # pg_dump holds such locks, and so does whoever has read and not yet committed
        async with holding(empty_database_url, "lock table outbox.event, outbox.notification in access share mode"):
            migrating = deploy.create_task(migration.migrate(conn, said.append))
            await until(lambda: len(said) >= 3)
            await load.goes_on()
        done = await migrating
        await load.goes_on()

    assert [one.number for one in done] == [int(file.name[:4]) for file in LIVE[OLD:]]
    assert said[0] == "0009_api waits for a lock that others hold, tries again in 0.25 s"
    for file in FILES:
        copy(file, migrations)
    await migration.migrate(conn)
    assert await shape.drift(conn) == []


async def test_a_migration_that_gets_no_lock_gives_up(
    conn: Connection, empty_database_url: str, migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When patience ends the file is named with what to do; nothing of it stays, and the next deploy applies it."""
    monkeypatch.setattr(lock_wait, "PATIENCE_S", 0.0)
    (migrations / "0001_a.sql").write_text("create table a (id bigint); create table b (id bigint);")
    await migration.migrate(conn)
    (migrations / "0002_b.sql").write_text("alter table a add column more text;\nalter table b add column more text;")

    async with holding(empty_database_url, "select from b"):
        with pytest.raises(MigrationError, match=r"0002_b failed: .*lock timeout.* run `vestnik migrate` again"):
            await migration.migrate(conn)
    assert await conn.fetchval("select count(*) from pg_attribute where attname = 'more'") == 0
    assert [one.name for one in await migration.migrate(conn)] == ["0002_b"]


async def test_a_deadlock_is_tried_again(
    conn: Connection, empty_database_url: str, migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that PostgreSQL ends to solve a deadlock is applied at the next try."""
    (migrations / "0001_a.sql").write_text("create table a (id bigint); create table b (id bigint);")
    await migration.migrate(conn)
    (migrations / "0002_b.sql").write_text("lock table a in share mode;\nlock table b in share mode;")
    monkeypatch.setattr(migration, "BRIEF", "set local deadlock_timeout = '1s'; set local lock_timeout = '30s'")
    said: list[str] = []

    async with asyncio.TaskGroup() as deploy, holding(empty_database_url, "insert into b values (1)") as other:
        # it must not be the one that looks for deadlocks, however late it is
        await other.execute("set local deadlock_timeout = '10min'")
        migrating = deploy.create_task(migration.migrate(conn, said.append))
        await waiting(empty_database_url, conn.get_server_pid())
        await other.execute("insert into a values (1)")
    assert [one.name for one in migrating.result()] == ["0002_b"]
    assert said == ["0002_b waits for a lock that others hold, tries again in 0.25 s"]


async def test_an_index_that_broke_off_is_built_anew(
    conn: Connection, empty_database_url: str, migrations: Path
) -> None:
    """What a broken build of 0010's index has left behind is no drift after the next deploy."""
    await apply_first(conn, migrations, 9)
    async with holding(empty_database_url, "insert into outbox.notification values (default, 1, 'r', 't', 'c', 1)"):
        await conn.execute("set lock_timeout = '10ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await conn.execute("create index concurrently notification_unread on outbox.notification (recipient)")
    assert not await conn.fetchval(VALID, "outbox.notification_unread")

    await migration.migrate(conn)
    assert await conn.fetchval(VALID, "outbox.notification_unread")
    assert await shape.drift(conn) == []


async def test_a_concurrent_build_waits_for_older_transactions(
    conn: Connection, empty_database_url: str, migrations: Path
) -> None:
    """A concurrent build waits beyond the lock_timeout of its file, for others go on; no setting stays."""
    (migrations / "0001_a.sql").write_text("create table a (id bigint);")
    await migration.migrate(conn)
    (migrations / "0002_b.sql").write_text(
        f"{NO_TRANSACTION}\nset lock_timeout = '1ms';\ncreate index concurrently a_id on a (id);\n"
    )
    said: list[str] = []
    async with asyncio.TaskGroup() as deploy, holding(empty_database_url, "insert into a values (1)"):
        deploy.create_task(migration.migrate(conn, said.append))
        await waiting(empty_database_url, conn.get_server_pid())
    assert said == [], "it was not broken off"
    assert await conn.fetchval(VALID, "a_id")
    assert await conn.fetchval("show lock_timeout") == "0"


VALID = "select indisvalid from pg_index where indexrelid = $1::text::regclass"


async def waiting(url: str, pid: int) -> None:
    """Wait until a connection waits for a lock."""
    conn = await connect(url)

    async def blocked() -> bool:
        found: bool = await conn.fetchval("select cardinality(pg_blocking_pids($1)) > 0", pid)
        return found

    try:
        await until_true(blocked)
    finally:
        await conn.close()
