"""Every statement looks at little more than it was asked for, whatever the planner believes of the tables."""

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

import inapp
import outbox
from outbox.database.connection import Connection, connect
from tests.conftest import TEMPLATE
from tests.integration.plans.calls import CALLS, EXEMPT, Call, call
from tests.integration.plans.statements import statements
from tests.integration.plans.tables import BEGUN, BEYOND, BIG, FILL, ROWS, STATISTICS, STILL, multiples
from tests.integration.plans.watch import UNWATCHED, WATCHED, Looked, Watch
from workers.embedded.engine import Postgres

TIMES, A_FEW = 20, 100
"""How many rows a statement may look at: so many for each that it was asked for, and a few besides."""
PAGES, A_FEW_PAGES = 40, 20
"""The same for pages: an index that is read through to find one row gives no other rows away."""
GIVEN_UP = "set local statement_timeout = '20s'"

STATEMENTS = statements(outbox, inapp)
FUNCTION = re.compile(r"\boutbox\.\w+\(")
ADDS = re.compile(rf"insert into|{FUNCTION.pattern}")

# one for each kind of fault
READS_ALL = "select count(*) from outbox.event where payload = '{}'"
JOINS = "select a.id from unnest($1::bigint[]) a (id) join unnest($2::bigint[]) b (id) on a.id = b.id"
READS_INDEX = "select message_id from outbox.live_message where key = $1"
HIDES = "select public.hidden()"
HIDDEN = """
create function public.hidden() returns bigint language plpgsql as $$
begin
  return (select count(*) from outbox.delivery where recipient = 'u-70');
end $$
"""
BAD: Mapping[str, Call] = {
    READS_ALL: call(),
    JOINS: call(list(multiples(1)), list(multiples(1))),
    READS_INDEX: call("none"),
    HIDES: call(),
}


def test_every_statement_is_tried() -> None:
    """A new statement has to say what it is called with, or in words why it may look at more."""
    assert set(STATEMENTS) - set(EXEMPT) == set(CALLS)
    assert set(EXEMPT) <= set(STATEMENTS)
    assert all(EXEMPT.values())


@asynccontextmanager
async def database(postgres: Postgres) -> AsyncIterator[tuple[str, Connection]]:
    """Make a database whose sessions tell their plans; give its name, and a connection that tells none."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(postgres.url())
    await admin.execute(f"create database {name} template {TEMPLATE}")
    for setting, value in WATCHED.items():
        await admin.execute(f"alter database {name} set {setting} = '{value}'")
    filler = await asyncpg.connect(postgres.url(name))
    try:
        for sql in (UNWATCHED, STILL, BEYOND, BEGUN, HIDDEN):
            await filler.execute(sql)
        yield name, filler
    finally:
        await filler.close()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


async def fill(conn: Connection, first: int, last: int) -> None:
    """Fill the tables with the rows from one number to another."""
    for sql in FILL:
        await conn.execute(sql, first, last)


Run = Callable[..., Awaitable[Sequence[asyncpg.Record]]]


async def look(conn: Connection, watch: Watch, run: Run, called: Call) -> tuple[int, Looked]:
    """Run a statement and take it back; tell how many rows it was asked for, and what it has looked at."""
    transaction = conn.transaction()
    await transaction.start()
    try:
        await conn.execute(GIVEN_UP)
        await watch.looked()
        rows = await run(*called.arguments)
        looked = await watch.looked()
    finally:
        await transaction.rollback()
    batches = [len(argument) for argument in called.arguments if isinstance(argument, list)]
    return max(called.asked, len(rows), *batches), looked


async def fault(conn: Connection, watch: Watch, run: Run, called: Call) -> str | None:
    """Say in what a statement has looked at too much."""
    try:
        # what the session looks up when it runs a statement for the first time is none of the statement's
        await look(conn, watch, run, called)
        asked, looked = await look(conn, watch, run, called)
    except asyncpg.QueryCanceledError:
        return "given up after 20 s"
    nodes = [node for node in looked.nodes if node.loops > 1 or not any(map(node.is_about, called.whole))]
    through = [str(node) for node in nodes if node.kind == "Seq Scan" and node.relation in BIG]
    most = str(max(nodes, key=lambda node: node.looked_at, default=None))
    rows = sum(node.looked_at for node in nodes)
    if through:
        return f"reads whole tables: {through}"
    if rows > TIMES * asked + A_FEW:
        return f"looks at {rows:,} rows, asked for {asked:,}: {most}"
    if looked.pages > PAGES * asked + A_FEW_PAGES and not called.whole:
        return f"looks at {looked.pages:,} pages, asked for {asked:,} rows: {most}"
    return None


async def faults(conn: Connection, prepared: Mapping[str, Run], calls: Mapping[str, Call]) -> dict[str, str]:
    """Run all statements; say of each that looks at too much in what."""
    watch = Watch(conn)
    found = {name: await fault(conn, watch, run, calls[name]) for name, run in prepared.items()}
    return {name: said for name, said in found.items() if said is not None}


async def keep(conn: Connection, row: int) -> dict[str, Run]:
    """Prepare all statements and run them once: a session plans each of them once. `row`: the first there is not."""
    prepared: dict[str, Run] = {
        name: (await conn.prepare(STATEMENTS[name])).fetch for name, called in CALLS.items() if called.fresh is None
    }
    # those last that add rows: a table that has once had a page is not the same to the planner as one that never had
    for name in sorted(prepared, key=lambda name: ADDS.search(STATEMENTS[name]) is not None):
        await _plan(conn, prepared[name], CALLS[name])
    # a function plans what it comes to: nothing as long as there is nothing
    for name, run in prepared.items():
        if FUNCTION.search(STATEMENTS[name]):
            await _plan(conn, run, CALLS[name], row)
    return prepared


async def _plan(conn: Connection, run: Run, called: Call, row: int | None = None) -> None:
    transaction = conn.transaction()
    await transaction.start()
    try:
        if row is not None:
            await fill(conn, row, row)
        await run(*called.arguments)
    except asyncpg.IntegrityConstraintViolationError:
        pass  # a row's parent is not there yet; the plan is
    finally:
        await transaction.rollback()


def by_text(conn: Connection, texts: Mapping[str, str]) -> dict[str, Run]:
    """Run statements as the product does."""

    def runs(sql: str) -> Run:
        return lambda *arguments: conn.fetch(sql, *arguments)

    return {name: runs(sql) for name, sql in texts.items()}


@pytest.mark.parametrize("kind", STATISTICS)
async def test_a_statement_looks_at_what_it_was_asked_for(
    postgres: Postgres, url_of: Callable[[str], str], kind: str
) -> None:
    """However the statistics are, and also by a plan that is kept since the tables were empty or small."""
    statistics = STATISTICS[kind]
    async with database(postgres) as (name, filler):
        await fill(filler, 1, statistics.rows)
        if statistics.found:
            await filler.execute(statistics.found)
        old = await connect(postgres.url(name))
        prepared = await keep(old, statistics.rows + 1) if statistics.rows < ROWS else {}
        await fill(filler, statistics.rows + 1, ROWS)
        kept = await faults(old, prepared, CALLS) if prepared else {}
        await old.close()
        # behind a pooler each statement is planned anew each time
        new = await connect(url_of(name))
        fresh = await faults(new, by_text(new, {name: STATEMENTS[name] for name in CALLS}), CALLS)
        bad = await faults(new, by_text(new, {sql: sql for sql in BAD}), BAD)
        await new.close()
    said = [f"{name} {what}" for name, what in fresh.items()]
    said += [f"{name} by the plan that was kept {what}" for name, what in kept.items()]
    assert not said, "\n".join(said)
    # the measure finds what it is there for
    assert set(bad) == set(BAD)
