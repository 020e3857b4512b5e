"""A transfer into another database: whole and compared, or not at all; and the one that was left is closed."""

import asyncio
import re
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from outbox.cursor import snapshot_cursor
from outbox.cursor.rebase import rebase
from outbox.database.connection import Connection, connect, prepare
from outbox.error import ForeignClusterError, TransferError
from outbox.event_log import event
from outbox.proof import completeness
from outbox.relay.fan_out import step
from outbox.relay.routing import Routing
from outbox.schema import migration
from outbox.transfer import move as transfer
from tests.integration.installation import (
    PEOPLE,
    TO_RELAY,
    another,
    delivered,
    hasten,
    leave_at_work,
    other_binaries,
    totals,
)
from tests.integration.stage import Stage
from tests.integration.test_proof import LONG_AGO
from tests.pooler import PROGRAM, pgbouncer
from workers.embedded.engine import Postgres
from workers.main import app

# a transfer refuses a pooler
pytestmark = pytest.mark.direct

MOVED = "this installation has moved to another database"
FAULTS = {
    "changes": ("event", "new.payload := '{}'; return new", "event is not the same in the target: 7 rows"),
    "leaves out": ("notification", "return null", "notification is not the same in the target: 8 rows"),
    "fails": ("event", "raise exception 'no space left'", "nothing was moved: RaiseError: no space left"),
}
"""A table, what a trigger in the target does to its rows, and what is said then."""


@pytest.fixture(scope="module")
def elsewhere(postgres_binaries: Path | None) -> Iterator[Postgres]:
    """Run another cluster of the same version, with nothing in it."""
    with another(postgres_binaries) as server:
        yield server


@asynccontextmanager
async def new_database(server: Postgres) -> AsyncIterator[str]:
    """Make an empty database for one test."""
    name = f"target_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server.url())
    await admin.execute(f"create database {name}")
    try:
        yield server.url(name)
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


@pytest.fixture
async def target_url(elsewhere: Postgres) -> AsyncIterator[str]:
    """Lend an empty database of the other cluster."""
    async with new_database(elsewhere) as url:
        yield url


@pytest.fixture
async def source_url(stage: Stage) -> str:
    """Leave an installation at work, with nobody connected to it."""
    await leave_at_work(stage)
    await stage.conn.close()
    return stage.environment["DATABASE_URL"]


async def plain(url: str) -> Connection:
    """Connect as an application does: under another name than Vestnik's own."""
    conn = await asyncpg.connect(url, server_settings={"application_name": "app"})
    await prepare(conn)
    return conn


async def move(
    source_url: str, target_url: str, *, keep_source: bool = False, meanwhile: Callable[[str], None] = lambda _: None
) -> transfer.Transferred:
    """Transfer in this process."""
    source, target = await connect(source_url), await connect(target_url)
    try:
        return await transfer.transfer(source, target, keep_source=keep_source, tell=meanwhile, migrated=lambda _: None)
    finally:
        await source.close()
        await target.close()


async def look(url: str) -> dict[str, object]:
    """Count and add up every table of a database."""
    conn = await plain(url)
    try:
        return dict(await totals(conn))
    finally:
        await conn.close()


async def test_a_running_installation_moves(stage: Stage, source_url: str, target_url: str, tmp_path: Path) -> None:
    """All that was not done goes on in the target, in-app exactly once; the source refuses workers and producers."""
    before = await look(source_url)
    (tmp_path / "to").write_text(f"{target_url}\n")
    dry = stage.run("transfer", "--to-file", str(tmp_path / "to"), "--dry-run", "--json")
    assert (dry.code, dry.facts["new_schema"], dry.facts["rows"]["event"]) == (0, True, 7)
    assert await look(target_url) == {}
    done = stage.run("transfer", "--from", source_url, "--to-file", str(tmp_path / "to"), "--json")
    assert (done.code, done.facts["to_relay"], done.facts["source"]) == (0, TO_RELAY, "closed"), done
    *made, line = done.lines
    assert {one["event"] for one in made} == {"migration_applied"}
    rows = sum(total["rows"] for total in done.facts["tables"].values())
    assert (line["event"], line["state"]) == ("installation_transferred", "closed")
    assert (line["rows"], line["events"]) == (rows, TO_RELAY)
    told = {name: (total["rows"], total["checksum"]) for name, total in done.facts["tables"].items()}
    kept = {n: (t.rows, t.checksum) for n, t in (await look(target_url)).items() if n in told}  # type: ignore[attr-defined]
    there = {n: (t.rows, t.checksum) for n, t in before.items() if n in told}  # type: ignore[attr-defined]
    assert told == there
    # the rebase has changed these, and no others
    assert {name for name in told if kept[name] != there[name]} == {"cursor", "event", "pull", "waiting"}
    assert (told["event"][0], told["delivery"][0], told["waiting"][0], told["pull"][0]) == (7, 8, 1, 1)

    refused = stage.run("worker", "--once")
    assert (refused.code, refused.out) == (1, "")
    assert MOVED in refused.complaint
    moved = replace(
        stage, environment={**stage.environment, "DATABASE_URL": target_url}, conn=await connect(target_url)
    )
    await hasten(moved.conn)
    assert moved.run("worker", "--once", RETRY_SCHEDULE="0").code == 0
    await delivered(moved)
    # identities go on behind those that were taken
    assert await moved.emit(6, *PEOPLE) == 8
    await moved.conn.close()


async def test_another_version_of_postgresql(
    source_url: str, postgres_binaries: Path | None, database_url: str
) -> None:
    """Between two versions of PostgreSQL everything arrives as it was, and adds up."""
    assert database_url == source_url
    before = await look(source_url)
    with another(other_binaries(postgres_binaries)) as server:
        done = await move(source_url, server.url())
        assert {name: total for name, total in before.items() if name in done.tables} == done.tables
        conn = await connect(server.url())
        assert (await completeness.prove(conn, LONG_AGO)).holds
        await conn.close()


async def test_others_may_work_in_the_targets_cluster(source_url: str, target_url: str) -> None:
    """Transactions that other databases of the target's cluster end meanwhile hide no event from the relay."""
    other = await plain(target_url)
    ids: list[asyncio.Task[str]] = []

    def meanwhile(line: str) -> None:
        if line.startswith(("copied", "compared")) and (not ids or ids[-1].done()):
            ids.append(asyncio.get_running_loop().create_task(other.execute("select pg_current_xact_id()")))

    done = await move(source_url, target_url, meanwhile=meanwhile)
    await asyncio.gather(*ids)
    await other.close()
    conn = await connect(target_url)
    assert done.to_relay == TO_RELAY
    await step(conn, Routing({}))
    kept = "exists (select from outbox.batch b where b.events @> e.id) or e.id in (select event_id from outbox.waiting)"
    assert await conn.fetchval(f"select count(*) from outbox.event e where {kept}") == 7  # noqa: S608 (ours)
    await conn.close()


async def broken(url: str, table: str, body: str) -> None:
    """Make the schema of a target in which a trigger does something to every row of a table."""
    conn = await connect(url)
    await migration.migrate(conn)
    await conn.execute(f"create function public.amiss() returns trigger language plpgsql as $$ begin {body}; end $$")
    await conn.execute(f"create trigger amiss before insert on outbox.{table} for each row execute function amiss()")
    await conn.close()


async def untouched(source_url: str, before: dict[str, object]) -> None:
    """Hold a source to what it was, and to letting its producers in."""
    assert await look(source_url) == before
    conn = await connect(source_url)
    await event.emit(conn, "t", ["anna"])
    await step(conn, Routing({}))
    await conn.close()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_leaves_both_as_they_were(source_url: str, target_url: str, fault: str) -> None:
    """A target that changes, drops or refuses a row is found; it stays empty, and the source goes on."""
    table, body, said = FAULTS[fault]
    before = await look(source_url)
    await broken(target_url, table, body)
    empty = await look(target_url)
    with pytest.raises(TransferError, match=re.escape(said)):
        await move(source_url, target_url)
    assert await look(target_url) == empty
    await untouched(source_url, before)


async def test_a_difference_is_no_success(stage: Stage, source_url: str, target_url: str) -> None:
    """The command ends with 1 and one line more than its progress, and prints nothing of a success."""
    await broken(target_url, *FAULTS["changes"][:2])
    failed = stage.run("transfer", "--from", source_url, "--to", target_url)
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.splitlines()[-1].startswith("vestnik: event is not the same in the target: 7 rows, checksum ")


# comes back when they have ended
CUT = (
    "select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name = 'vestnik' and datname = $1"
)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("step_", ["copied attempt", "compared telegram_link"])
async def test_a_lost_connection_leaves_both_as_they_were(
    source_url: str, target_url: str, side: str, step_: str
) -> None:
    """Whichever connection breaks, in the copy or behind it: nothing was moved, and the line says which it was."""
    before, cut = await look(source_url), threading.Event()
    victim = source_url if side == "source" else target_url

    async def kill() -> None:
        conn = await plain(victim)
        await conn.fetch(CUT, victim.rpartition("/")[2])
        await conn.close()
        cut.set()

    def meanwhile(line: str) -> None:
        if line.startswith(step_):
            # the transfer stands still meanwhile: it might be over before
            with ThreadPoolExecutor(1) as other_loop:
                other_loop.submit(asyncio.run, kill()).result()

    with pytest.raises(TransferError, match=f"the connection to the {side} was lost"):
        await move(source_url, target_url, meanwhile=meanwhile)
    assert cut.is_set()
    assert {total.rows for name, total in (await look(target_url)).items() if name not in transfer.SEEDED} == {0}  # type: ignore[attr-defined]
    await untouched(source_url, before)


@pytest.mark.parametrize("keep_source", [False, True], ids=["closed", "kept"])
async def test_a_producer_waits_and_is_told(source_url: str, target_url: str, *, keep_source: bool) -> None:
    """Who emits while the copy runs waits for its end; then a closed source refuses it, and a kept one takes it."""
    app = await plain(source_url)
    waiting: list[asyncio.Task[int]] = []

    def meanwhile(line: str) -> None:
        if line == "copied attempt":
            waiting.append(asyncio.get_running_loop().create_task(event.emit(app, "t", ["anna"])))

    await event.emit(app, "t", ["anna"])  # its plan is kept: it must see what has changed since
    done = await move(source_url, target_url, keep_source=keep_source, meanwhile=meanwhile)
    assert done.tables["event"].rows == 8
    (emitted,) = waiting
    if keep_source:
        assert await emitted > 8
    else:
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match=MOVED):
            await emitted
    await app.close()


@pytest.mark.parametrize("known", [False, True], ids=["new", "prepared"])
async def test_a_worker_that_begins_meanwhile_waits_and_refuses(
    source_url: str, target_url: str, *, known: bool
) -> None:
    """Who looks at the cursor while the copy runs, as a worker does before it begins, gets no answer until the end."""
    worker = await plain(source_url)
    waiting: list[asyncio.Task[object]] = []

    async def begin() -> None:
        async with worker.transaction():
            await snapshot_cursor.lock(worker)

    def meanwhile(line: str) -> None:
        if line == "copied attempt":
            waiting.append(asyncio.get_running_loop().create_task(begin()))

    if known:
        await begin()
    await move(source_url, target_url, meanwhile=meanwhile)
    with pytest.raises(ForeignClusterError, match=MOVED):
        await waiting[0]
    await worker.close()


async def test_a_producer_that_does_not_end_is_named(
    source_url: str, target_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that has emitted and stays open keeps the transfer from beginning."""
    monkeypatch.setattr(transfer, "LOCK_TIMEOUT", "set local lock_timeout = '50ms'")
    app = await plain(source_url)
    async with app.transaction():
        await event.emit(app, "t", ["anna"])
        with pytest.raises(TransferError, match="somebody has been writing into the source"):
            await move(source_url, target_url)
    await app.close()


async def test_a_closed_source_is_opened_by_a_rebase(source_url: str, target_url: str) -> None:
    """It is not transferred again; `cursor rebase` lets its producers and its relay in once more."""
    await move(source_url, target_url)
    conn = await connect(source_url)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match=MOVED):
        await event.emit(conn, "t", ["anna"])
    with pytest.raises(ForeignClusterError, match=MOVED):
        await snapshot_cursor.lock(conn)
    await conn.close()
    with pytest.raises(TransferError, match=f"source: {MOVED}"):
        await move(source_url, target_url)
    conn = await connect(source_url)
    assert await rebase(conn) == TO_RELAY
    await event.emit(conn, "t", ["anna"])
    assert await step(conn, Routing({})) is not None
    await conn.close()


async def _occupy(target_url: str, sql: str) -> None:
    conn = await connect(target_url)
    await migration.migrate(conn)
    await conn.execute(sql)
    await conn.close()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select outbox.emit('t', '{anna}')", "the target is not empty: event."),
        ("insert into outbox.preference values ('anna', 'money', 'telegram', false)", "not empty: preference."),
        ("insert into outbox.cursor select 'search', low, high, at_xid, at_id, 7 from outbox.cursor", "empty: cursor."),
        (
            "delete from outbox.migration where number = 1",
            "the target's schema .*0001_event is pending",
        ),
        ("alter table outbox.lane add column mine text", "not the same in source and target: lane$"),
        ("create table outbox.mine (id integer)", "not the same in source and target: mine$"),
    ],
    ids=["an event", "a preference", "a consumer", "an older schema", "a column", "a table"],
)
async def test_a_target_that_is_taken_is_refused(database_url: str, target_url: str, sql: str, said: str) -> None:
    """A target that holds anything, or whose schema is another one, is refused, also by a dry run."""
    await _occupy(target_url, sql)
    for attempt in (move(database_url, target_url), plan(database_url, target_url)):
        with pytest.raises(TransferError, match=said):
            await attempt


async def plan(source_url: str, target_url: str) -> transfer.TransferPlan:
    """Look in this process whether a transfer can begin."""
    source, target = await connect(source_url), await connect(target_url)
    try:
        return await transfer.plan(source, target)
    finally:
        await source.close()
        await target.close()


async def test_a_source_that_is_at_work_is_refused(database_url: str, target_url: str) -> None:
    """While anything of Vestnik's is connected to either side nothing begins, and no schema is made."""
    worker = await connect(database_url)
    with pytest.raises(TransferError, match="1 connections of Vestnik's are open on the source"):
        await move(database_url, target_url)
    await worker.execute("delete from outbox.migration where number = 1")
    await worker.close()
    with pytest.raises(TransferError, match=r"the source's schema .*0001_event is pending"):
        await move(database_url, target_url)
    assert await look(target_url) == {}


@pytest.mark.skipif(not PROGRAM.exists(), reason="no PgBouncer: apt-get install pgbouncer")
async def test_a_pooler_is_refused(postgres: Postgres, elsewhere: Postgres, database: str, target_url: str) -> None:
    """What locks and copies for minutes wants PostgreSQL itself, on either side."""
    target = target_url.rpartition("/")[2]
    with pgbouncer(postgres) as before_source, pgbouncer(elsewhere) as before_target:
        with pytest.raises(TransferError, match="a pooler stands before the source"):
            await move(before_source.url(database), target_url)
        with pytest.raises(TransferError, match="a pooler stands before the target"):
            await move(postgres.url(database), before_target.url(target))


async def test_a_database_is_not_transferred_into_itself(database_url: str) -> None:
    """Source and target are told apart by what they are, not by how they are written."""
    with pytest.raises(TransferError, match="the same database"):
        await move(database_url, database_url.replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ([], 1, "transfer needs --to or --to-file"),
        (["--to", "postgresql://u:hush/hush@h/db"], 1, "--to is malformed: its host has no port that is a number"),
        (["--to-file", "/nowhere"], 1, "No such file or directory: '/nowhere'"),
        (["--to", "postgresql://a@h/b", "--to-file", "f"], 1, "--to and --to-file say the same: give one of them"),
        (["--to", "postgresql://postgres:hush@127.0.0.1:1/b"], 2, "the target is out of reach: ConnectionRefusedError"),
    ],
    ids=["none", "malformed", "no file", "both", "out of reach"],
)
def test_a_wrong_url_is_named_and_not_shown(
    database_url: str, words: list[str], code: int, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code and line say which of the two is wrong; a password is not repeated."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    ended = CliRunner().invoke(app, ["transfer", *words])
    said = str(ended.exception) if not isinstance(ended.exception, SystemExit) else ended.stderr
    assert complaint in said
    assert "hush" not in said
    assert ended.exit_code == code
