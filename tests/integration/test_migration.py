"""Migrations: applied once, in order, by one deploy at a time; drift is seen, a failure leaves what came before."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from outbox.database.connection import Connection, connect
from outbox.error import MigrationError
from outbox.schema import migration, shape
from outbox.schema.migration import NO_TRANSACTION, Standing
from tests.integration.stage import PATIENCE_S, PROJECT
from workers.embedded.engine import Postgres

NAMES = [
    "0001_event",
    "0002_delivery",
    "0003_inbox",
    "0004_fault",
    "0005_fault_checked",
    "0006_fault_index",
    "0007_person",
    "0008_person_checked",
    "0009_api",
    "0010_notification_unread",
    "0011_event_bounded",
    "0012_event_bounded_checked",
    "0013_gauge",
    "0014_traceparent",
    "0015_relay",
    "0016_run",
]


@pytest.fixture
async def conn(direct_url: str) -> AsyncIterator[Connection]:
    """Connect to the test's database as a deploy does: to PostgreSQL itself."""
    opened = await connect(direct_url)
    yield opened
    await opened.close()


async def applied(conn: Connection) -> list[str]:
    """List the notes of what was applied."""
    return [row["name"] for row in await conn.fetch("select name from outbox.migration order by applied_at, number")]


async def standings(conn: Connection) -> dict[str, Standing]:
    """Say where each migration stands."""
    return {found.name: found.standing for found in await migration.status(conn)}


def _schema(binaries: Path, url: str) -> list[str]:
    dump = subprocess.run([str(binaries / "pg_dump"), "--schema-only", url], check=True, capture_output=True, text=True)
    # newer dumps carry a random word in these two lines
    return [line for line in dump.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def _run_by_hand(binaries: Path, url: str, script: str) -> None:
    psql = [str(binaries / "psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", url]
    subprocess.run(psql, input=script, check=True, capture_output=True, text=True)


async def migrate_at(url: str) -> list[str]:
    """Deploy on a connection of its own; name what this deploy applied."""
    conn = await connect(url)
    try:
        return [done.name for done in await migration.migrate(conn)]
    finally:
        await conn.close()


def test_each_file_is_named_here() -> None:
    """Every migration of the package is in NAMES: a new one must be added to it."""
    assert sorted(path.stem for path in (PROJECT / "outbox" / "migrations").glob("*.sql")) == NAMES


async def test_ten_deploys_at_once_are_one(empty: Connection, empty_database_url: str) -> None:
    """Of ten deploys at once one applies everything, in order, and the others find nothing to do."""
    async with asyncio.timeout(PATIENCE_S):
        done = await asyncio.gather(*(migrate_at(empty_database_url) for _ in range(10)))

    assert sorted(done) == [[]] * 9 + [NAMES]
    assert await applied(empty) == NAMES


async def test_status_changes_nothing(empty: Connection) -> None:
    """Status lists each migration as pending on an empty database and leaves it empty."""
    assert await standings(empty) == dict.fromkeys(NAMES, Standing.PENDING)
    assert await empty.fetchval("select to_regnamespace('outbox') is null")


async def test_status_after_migrate(conn: Connection) -> None:
    """Status lists each migration as applied, with the time, once it was."""
    found = await migration.status(conn)

    assert [(one.number, one.name, one.standing) for one in found] == [
        (1, "0001_event", Standing.APPLIED),
        (2, "0002_delivery", Standing.APPLIED),
        (3, "0003_inbox", Standing.APPLIED),
        (4, "0004_fault", Standing.APPLIED),
        (5, "0005_fault_checked", Standing.APPLIED),
        (6, "0006_fault_index", Standing.APPLIED),
        (7, "0007_person", Standing.APPLIED),
        (8, "0008_person_checked", Standing.APPLIED),
        (9, "0009_api", Standing.APPLIED),
        (10, "0010_notification_unread", Standing.APPLIED),
        (11, "0011_event_bounded", Standing.APPLIED),
        (12, "0012_event_bounded_checked", Standing.APPLIED),
        (13, "0013_gauge", Standing.APPLIED),
        (14, "0014_traceparent", Standing.APPLIED),
        (15, "0015_relay", Standing.APPLIED),
        (16, "0016_run", Standing.APPLIED),
    ]
    assert all(one.applied_at is not None for one in found)


async def test_a_changed_file_stops_the_deploy(conn: Connection) -> None:
    """A file that was applied with other contents is listed as changed, and migrate refuses and names it."""
    await conn.execute("update outbox.migration set checksum = repeat('0', 64) where number = 2")

    assert (await standings(conn))["0002_delivery"] is Standing.CHANGED
    with pytest.raises(MigrationError, match="0002_delivery"):
        await migration.migrate(conn)


async def test_a_changed_file_keeps_the_pending_ones_back(empty: Connection, migrations: Path) -> None:
    """Nothing that is pending is applied while an applied file has changed."""
    (migrations / "0001_a.sql").write_text("create table a ();")
    await migration.migrate(empty)
    (migrations / "0001_a.sql").write_text("create table a (id bigint);")
    (migrations / "0002_b.sql").write_text("create table b ();")

    with pytest.raises(MigrationError, match="0001_a"):
        await migration.migrate(empty)
    assert await standings(empty) == {"0001_a": Standing.CHANGED, "0002_b": Standing.PENDING}
    assert await empty.fetchval("select to_regclass('b') is null")


async def test_what_a_newer_version_applied_is_left_alone(conn: Connection) -> None:
    """A migration that this version does not know is listed as foreign and hinders nothing."""
    await conn.execute("insert into outbox.migration (number, name, checksum) values (9999, '9999_later', 'x')")

    assert (await standings(conn))["9999_later"] is Standing.FOREIGN
    assert await migration.migrate(conn) == []


async def test_only_the_new_file_is_applied(empty: Connection, migrations: Path) -> None:
    """A later deploy applies only what was added since."""
    (migrations / "0001_a.sql").write_text("create table a ();")
    await migration.migrate(empty)
    (migrations / "0002_b.sql").write_text("create table b ();")

    assert [done.name for done in await migration.migrate(empty)] == ["0002_b"]
    assert await applied(empty) == ["0001_a", "0002_b"]


async def test_the_script_by_hand_is_the_same(
    conn: Connection, direct_url: str, empty: Connection, empty_database_url: str, postgres: Postgres
) -> None:
    """The printed script, run by psql, makes the same schema and the same notes as migrate does."""
    script = migration.script(migration.migrations())
    await asyncio.to_thread(_run_by_hand, postgres.binaries, empty_database_url, script)

    by_hand = await asyncio.to_thread(_schema, postgres.binaries, empty_database_url)
    assert by_hand == await asyncio.to_thread(_schema, postgres.binaries, direct_url)
    notes = "select number, name, checksum from outbox.migration order by number"
    assert await empty.fetch(notes) == await conn.fetch(notes)
    assert await migration.migrate(empty) == []
    assert await shape.drift(empty) == []


async def test_a_failing_file_leaves_what_came_before(empty: Connection, migrations: Path) -> None:
    """A file that fails is named and leaves no trace of itself; what came before stays, what follows waits."""
    (migrations / "0001_a.sql").write_text("create table a ();")
    (migrations / "0002_b.sql").write_text("create table b (); select 1 / 0;")
    (migrations / "0003_c.sql").write_text("create table c ();")

    with pytest.raises(MigrationError, match="0002_b"):
        await migration.migrate(empty)
    assert await applied(empty) == ["0001_a"]
    assert await empty.fetchval("select to_regclass('a') is not null and to_regclass('b') is null")

    (migrations / "0002_b.sql").write_text("create table b ();")
    assert [done.name for done in await migration.migrate(empty)] == ["0002_b", "0003_c"]


async def test_a_failed_deploy_lets_the_next_one_in(
    empty: Connection, empty_database_url: str, migrations: Path
) -> None:
    """A deploy that failed holds nothing up, though its connection stays open."""
    (migrations / "0001_a.sql").write_text("select 1 / 0;")
    with pytest.raises((MigrationError, asyncpg.DivisionByZeroError)):
        await migration.migrate(empty)
    (migrations / "0001_a.sql").write_text("create table a ();")

    assert await asyncio.wait_for(migrate_at(empty_database_url), PATIENCE_S) == ["0001_a"]


async def test_a_file_without_a_transaction(empty: Connection, migrations: Path) -> None:
    """A file that says that it cannot run in a transaction is run outside of one."""
    (migrations / "0001_a.sql").write_text("create table a (id bigint);")
    (migrations / "0002_b.sql").write_text(f"{NO_TRANSACTION}\ncreate index concurrently a_id on a (id);")

    await migration.migrate(empty)
    assert await empty.fetchval("select indisvalid from pg_index where indexrelid = 'a_id'::regclass")
    assert await applied(empty) == ["0001_a", "0002_b"]


async def test_a_file_without_a_transaction_has_several_statements(empty: Connection, migrations: Path) -> None:
    """A file without a transaction may hold more than one statement, such as a lock_timeout and two indexes."""
    (migrations / "0001_a.sql").write_text("create table a (id bigint, name text);")
    (migrations / "0002_b.sql").write_text(
        f"{NO_TRANSACTION}\nset lock_timeout = '5s';\n"
        "create index concurrently a_id on a (id);\ncreate index concurrently a_name on a (name);"
    )

    await migration.migrate(empty)
    assert await empty.fetchval("select count(*) from pg_index where indrelid = 'a'::regclass and indisvalid") == 2


async def test_deploys_at_once_with_a_concurrent_index(
    empty: Connection, empty_database_url: str, migrations: Path
) -> None:
    """Deploys that wait their turn do not stand in the way of an index that is built concurrently."""
    (migrations / "0001_a.sql").write_text("create table a (id bigint);")
    (migrations / "0002_b.sql").write_text(f"{NO_TRANSACTION}\ncreate index concurrently a_id on a (id);")

    async with asyncio.timeout(PATIENCE_S):
        done = await asyncio.gather(*(migrate_at(empty_database_url) for _ in range(4)))
    assert sorted(done) == [[]] * 3 + [["0001_a", "0002_b"]]
    assert await applied(empty) == ["0001_a", "0002_b"]


async def test_a_missing_role_is_named(empty: Connection) -> None:
    """A deploy that may not create the roles says which is missing and what a superuser has to run."""
    # the cluster has the roles already: this shows the words, under a name that no cluster has
    sql = migration.migrations()[0].sql.replace("outbox_reader", "outbox_missing")
    await empty.execute("create role outbox_powerless")
    try:
        async with empty.transaction():
            await empty.execute(
                "grant create on database " + await empty.fetchval("select current_database()") + " to outbox_powerless"
            )
            await empty.execute("set local role outbox_powerless")
            with pytest.raises(asyncpg.RaiseError, match="role outbox_missing is missing") as refused:
                async with empty.transaction():
                    await empty.execute(sql)
    finally:
        await empty.execute("drop owned by outbox_powerless; drop role outbox_powerless")
    assert refused.value.hint is not None
    assert refused.value.hint.startswith("As a superuser: create role outbox_producer;")
