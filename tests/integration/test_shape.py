"""The shape of the schema: what differs from what the migrations give is named, thing by thing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner, Result

from outbox.database.connection import Connection
from outbox.schema import migration, shape
from outbox.schema.shape import Difference
from tests.shape import KEPT
from workers.main import app

EMIT = "outbox.emit(text, text[], jsonb, text, text, timestamp with time zone, timestamp with time zone)"
WINDOW = "CREATE INDEX event_window ON outbox.event USING btree"
COUNT = "inbox_unread_counted"
WORK = "delete, insert, select"
NEWER = "insert into outbox.migration (number, name, checksum) values (9999, '9999_later', 'x')"

DRIFTS = {
    "an index dropped": ("drop index outbox.run_leased", ["index outbox.run_leased: missing"]),
    "an index added": (
        "create index mine on outbox.event (created_at)",
        ["index outbox.mine: not ours"],
    ),
    "an index that was never finished": (
        "update pg_index set indisvalid = false where indexrelid = 'outbox.event_window'::regclass",
        ["index outbox.event_window: state: expected valid, found invalid"],
    ),
    "an index of another kind": (
        "drop index outbox.event_window; create index event_window on outbox.event (xid)",
        [
            f"index outbox.event_window: definition: expected {WINDOW} (xid, id), found {WINDOW} (xid)",
        ],
    ),
    "a column added": (
        "alter table outbox.event add column note text check (note <> '')",
        ["column outbox.event.note: not ours", "constraint event_note_check on outbox.event: not ours"],
    ),
    "a column dropped": (
        "alter table outbox.recipient drop column timezone",
        ["column outbox.recipient.timezone: missing"],
    ),
    "a column of another type": (
        "alter table outbox.event alter request_id type varchar(100)",
        ["column outbox.event.request_id: type: expected text, found character varying(100)"],
    ),
    "a default taken away": (
        "alter table outbox.event alter xid drop default",
        ["column outbox.event.xid: default: expected pg_current_xact_id(), found none"],
    ),
    "a column that may be null": (
        "alter table outbox.delivery alter state drop not null",
        ["column outbox.delivery.state: null: expected refused, found allowed"],
    ),
    "a constraint that others are": (
        f"alter table outbox.inbox drop constraint {COUNT}, add constraint {COUNT} check (true)",
        [f"constraint {COUNT} on outbox.inbox: definition: expected CHECK ((unread >= 0)), found CHECK (true)"],
    ),
    "a function that runs as its caller": (
        "alter function outbox.emit security invoker",
        [f"function {EMIT}: runs as: expected its owner, found its caller"],
    ),
    "a function that everybody may run": (
        "grant execute on function outbox.forget(text) to public",
        ["right of public on outbox.forget(text): not ours"],
    ),
    "a right taken away": (
        "revoke update on outbox.lane from outbox_worker",
        [f"right of outbox_worker on outbox.lane: to: expected {WORK}, update, found {WORK}"],
    ),
    "a trigger": (
        "create trigger mine before truncate on outbox.event execute function suppress_redundant_updates_trigger()",
        ["trigger mine on outbox.event: not ours"],
    ),
    "triggers switched off": (
        "alter table outbox.attempt disable trigger all",
        ["table outbox.attempt: foreign keys: expected none, found not watched"],
    ),
    "a table that no crash leaves": (
        "alter table outbox.route set unlogged",
        ["table outbox.route: survives: expected crashes, found no crash"],
    ),
    "a table dropped": ("drop table outbox.pull", ["table outbox.pull: missing"]),
    "a table added": (
        "create table outbox.mine (id bigint generated always as identity primary key)",
        ["table outbox.mine: not ours"],
    ),
    "row security": (
        "alter table outbox.event enable row level security",
        ["table outbox.event: row security: expected none, found on"],
    ),
    "another owner": (
        "alter table outbox.salt owner to outbox_reader; revoke all on outbox.salt from outbox_reader",
        ["table outbox.salt: owner: expected that of outbox.migration, found outbox_reader"],
    ),
}


@asynccontextmanager
async def undone(conn: Connection) -> AsyncIterator[None]:
    """Undo what is changed in the block: one database serves many changes."""
    change = conn.transaction(isolation="repeatable_read")
    await change.start()
    try:
        yield
    finally:
        await change.rollback()


async def said(conn: Connection) -> list[str]:
    """Describe the schema and say each difference in a line."""
    return [str(difference) for difference in await shape.drift(conn)]


async def check(monkeypatch: pytest.MonkeyPatch, url: str, *words: str) -> Result:
    """Run `vestnik migrate --check`."""
    monkeypatch.setenv("DATABASE_URL", url)
    return await asyncio.to_thread(CliRunner().invoke, app, ["migrate", "--check", *words])


async def test_the_file_is_what_the_migrations_give(conn: Connection) -> None:
    """The kept shape is that of a fresh database, on each PostgreSQL that the tests run on."""
    fresh = shape.written(await shape.describe(conn))
    assert fresh == KEPT.read_text(encoding="utf-8"), "run `make shape` and commit outbox/migrations/shape.json"


async def test_each_difference_is_named(conn: Connection) -> None:
    """What was changed by hand is named with what was expected and what was found, and nothing else is."""
    found = {}
    for what, (change, _) in DRIFTS.items():
        async with undone(conn):
            await conn.execute(change)
            found[what] = await said(conn)
    assert found == {what: differences for what, (_, differences) in DRIFTS.items()}


async def test_a_changed_function_is_named(conn: Connection) -> None:
    """A function with another source is named; its digests tell the two apart."""
    source = await conn.fetchval("select pg_get_functiondef('outbox.digest_of(text)'::regprocedure)")
    await conn.execute(source.replace("sha256(salt ||", "sha256("))
    (found,) = await shape.drift(conn)
    assert (found.kind, found.name, found.what) == ("function", "outbox.digest_of(text)", "source")
    assert found.expected != found.found


async def test_rights_of_the_operators_own_roles_are_theirs(conn: Connection) -> None:
    """Rights of other roles, comments and statistics targets are not looked at."""
    async with undone(conn):
        await conn.execute(
            "create role dashboards; grant select on outbox.salt to dashboards;"
            "comment on table outbox.event is 'mine'; alter table outbox.event alter type set statistics 500"
        )
        assert await said(conn) == []


async def test_storage_parameters_are_tuned_and_no_drift(conn: Connection) -> None:
    """Storage parameters are the operator's to tune: they are named, and marked so."""
    await conn.execute("alter table outbox.event set (autovacuum_vacuum_insert_scale_factor = 0.01)")
    (found,) = await shape.drift(conn)
    assert found == Difference("table", "outbox.event", "options", None, "autovacuum_vacuum_insert_scale_factor=0.01")
    assert found.tuned


async def test_check_tells_drift(conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`migrate --check` exits 0 on what the migrations give and on what is tuned, and 1 with a line for each drift."""
    right = await check(monkeypatch, database_url)
    assert (right.exit_code, right.stdout.splitlines()[-1]) == (0, "the schema is what the migrations give")

    await conn.execute("alter table outbox.event set (fillfactor = 90)")
    tuned = await check(monkeypatch, database_url)
    told = "tuned: table outbox.event: options: expected none, found fillfactor=90"
    assert (tuned.exit_code, tuned.stdout.splitlines()[-1]) == (0, told)

    await conn.execute("drop index outbox.run_leased")
    drifted = await check(monkeypatch, database_url)
    assert (drifted.exit_code, drifted.stdout.splitlines()[-2]) == (1, "drift: index outbox.run_leased: missing")


async def test_check_tells_drift_to_programs(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`migrate --check --json` prints migrations, drift and what is tuned as one document."""
    await conn.execute("drop index outbox.run_leased")
    found = await check(monkeypatch, database_url, "--json")
    facts = json.loads(found.stdout)
    assert (found.exit_code, facts["compared"], facts["tuned"]) == (1, True, [])
    lost = {"kind": "index", "name": "outbox.run_leased", "what": "missing", "expected": None, "found": None}
    assert facts["drift"] == [lost]
    assert len(facts["migrations"]) == len(migration.migrations())


async def test_check_compares_only_what_it_knows(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schema that a newer version has migrated is not compared, and said not to be; that is no fault."""
    await conn.execute(NEWER)
    await conn.execute("create table outbox.later ()")
    found = await check(monkeypatch, database_url)
    told = "the schema is not that of this version: what stands in it was not compared"
    assert (found.exit_code, found.stdout.splitlines()[-1]) == (0, told)


async def test_a_worker_runs_on_a_newer_schema(conn: Connection) -> None:
    """What a newer version has added does not keep an older worker from its work."""
    await conn.execute(NEWER)
    await migration.require_current(conn)
