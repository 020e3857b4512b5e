"""PgBouncer in transaction mode: what a connection through it does, and what is said where it does not do."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from outbox.database.connection import OUT_OF_REACH, Connection, connect, open_pool, refusal
from outbox.database.pgbouncer import plain
from outbox.database.pooler import Pooler as Kind
from outbox.database.pooler import pooler_of
from outbox.delivery.channel import Channel
from outbox.error import MigrationError
from outbox.event_log import event
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from outbox.schema import migration
from tests.conftest import SETTINGS
from tests.integration.stage import Stage, until_true
from tests.pooler import PROGRAM, Pooler, pgbouncer
from workers.embedded import engine
from workers.embedded.engine import Postgres

PLANNER = "select current_setting(name) from unnest($1::text[]) with ordinality u (name, place) order by place"
NAMES = ["jit", "enable_seqscan", "enable_hashjoin", "enable_mergejoin", "plan_cache_mode", "application_name"]
OURS = ["off", "off", "off", "off", "force_generic_plan", "vestnik"]
ROUTES = Routing({"t": Route("t", "c", frozenset(Channel))})
AS_IT_COMES = ["on", "on", "on", "on", "auto"]

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="no PgBouncer: apt-get install pgbouncer")


@pytest.fixture(scope="module")
def pooler(postgres: Postgres) -> Iterator[Pooler]:
    """Run a PgBouncer of this file's own, whatever else stands in front of this run's PostgreSQL."""
    with pgbouncer(postgres) as made:
        yield made


@pytest.fixture
def pooled_url(pooler: Pooler, database: str) -> str:
    """Name the test's database behind it."""
    return pooler.url(database)


@pytest.fixture
async def pooled(pooled_url: str) -> AsyncIterator[Connection]:
    """Connect to the test's database through it."""
    opened = await connect(pooled_url)
    yield opened
    await opened.close()


async def settings_of(conn: Connection) -> list[str]:
    """Tell how the planner is set for one statement."""
    return [row[0] for row in await conn.fetch(PLANNER, NAMES)]


async def test_each_transaction_brings_its_settings_along(pooled: Connection) -> None:
    """A single statement and one in a transaction of any kind are planned as on a connection of our own."""
    assert await settings_of(pooled) == OURS
    async with pooled.transaction():
        assert await settings_of(pooled) == OURS
    async with pooled.transaction(isolation="repeatable_read", readonly=True):
        assert await settings_of(pooled) == OURS
        assert await pooled.fetchval("show transaction_isolation") == "repeatable read"


async def test_nothing_stays_in_a_session(pooled: Connection, pooled_url: str) -> None:
    """Whoever gets the session next finds it as it was: no setting of ours, no prepared statement, no lock."""
    await pooled.execute("create type public.mood as enum ('well')")
    # a type that the driver has to look up
    assert await pooled.fetchval("select $1::public.mood[]", ["well"]) == ["well"]
    used = await pooled.fetchval("select pg_backend_pid()")
    next_one = await asyncpg.connect(plain(pooled_url), statement_cache_size=0)
    async with next_one.transaction():
        assert await next_one.fetchval("select pg_backend_pid()") == used
        assert [row[0] for row in await next_one.fetch(PLANNER, NAMES[:-1])] == AS_IT_COMES
        # but that of this very look
        assert await next_one.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0
        assert await next_one.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 0
    await next_one.close()


async def test_a_statement_runs_in_whichever_session_it_gets(pooled_url: str) -> None:
    """The same statements, also many at once and after others, are right in every session that they get."""
    pool = await open_pool(pooled_url, size=10)

    async def ask(number: int) -> set[int]:
        async with pool.acquire() as conn:
            sessions = set()
            for step in range(30):
                row = await conn.fetchrow("select pg_backend_pid(), $1::bigint + $2::integer", number, step)
                assert row is not None
                assert row[1] == number + step
                sessions.add(row[0])
            return sessions

    used = await asyncio.gather(*(ask(number) for number in range(10)))
    await pool.close()
    assert max(len(sessions) for sessions in used) > 1, "one connection, several sessions"


async def test_what_stands_between_is_found_out(postgres: Postgres, pooled_url: str, database: str) -> None:
    """Nothing, a pooler that lends sessions, and one that lends them for a transaction are told apart."""
    assert await pooler_of(f"{postgres.url(database)}?pgbouncer=true") is Kind.NONE
    assert await pooler_of(pooled_url) is Kind.TRANSACTION
    with pgbouncer(postgres, "session") as sessions:
        assert await pooler_of(sessions.url(database)) is Kind.SESSION


async def test_an_outage_behind_it_is_one(postgres_binaries: Path | None) -> None:
    """While PostgreSQL is away behind it each statement fails as with an outage, and afterwards the pool goes on."""
    with engine.postgres(binaries=postgres_binaries, settings=SETTINGS) as server, pgbouncer(server) as pooler:
        pool = await open_pool(pooler.url(), size=2)
        assert await pool.fetchval("select $1::integer", 1) == 1
        server.stop(how=signal.SIGQUIT)
        for _ in range(3):
            with pytest.raises(OUT_OF_REACH) as told:
                await pool.fetchval("select $1::integer", 1)
            assert refusal(told.value) is None
        server.start()

        async def goes_on() -> bool:
            try:
                return bool(await pool.fetchval("select $1::integer", 1) == 1)
            except OUT_OF_REACH:
                return False

        await until_true(goes_on)
        await pool.close()


async def test_a_batch_of_the_relay_is_one_round_trip(direct_url: str, pooled_url: str) -> None:
    """Once it is known a batch takes one; through it two more, for the transaction that brings its settings along."""
    trips = []
    for url in (direct_url, pooled_url):
        async with counting(url) as (near, counted):
            conn = await connect(near)
            for _ in range(3):
                await event.emit(conn, "t", ["ann"])
                before = len(counted)
                await fan_out.step(conn, ROUTES)
            trips.append(len(counted) - before)
            await conn.close()
    assert trips == [1, 3]


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[tuple[str, list[int]]]:
    """Stand between; give the address to use, and how many bytes came with each sending."""
    parts, sent = urlsplit(url), list[int]()

    async def carry(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_in, far_out = await asyncio.open_connection(parts.hostname, parts.port)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, note: list[int]) -> None:
            while data := await source.read(1 << 20):
                note.append(len(data))
                target.write(data)
            target.close()

        await asyncio.gather(copy(near_in, far_out, sent), copy(far_in, near_out, []))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl(), sent
    finally:
        server.close()


async def test_migrate_wants_postgresql_itself(pooled: Connection) -> None:
    """Through it a deploy is refused before anything is done, and the words say what it wants."""
    with pytest.raises(MigrationError, match=r"migrate through the address of PostgreSQL itself$"):
        await migration.migrate(pooled)


@pytest.mark.parametrize("command", [("worker", "--once"), ("status",)], ids=" ".join)
async def test_an_address_that_does_not_tell_of_it(stage: Stage, pooled_url: str, command: tuple[str, ...]) -> None:
    """An address that leads to it without saying so ends in one line that says what to add."""
    run = stage.run(*command, DATABASE_URL=plain(pooled_url))
    words = "DATABASE_URL leads to PgBouncer and does not say so: add pgbouncer=true to its parameters"
    assert (run.code, run.complaint) == (1, words)


async def test_a_worker_behind_it_looks_for_itself(stage: Stage, pooled_url: str, direct_url: str) -> None:
    """It listens to nobody, says that nobody need wake it, even after one that was killed asleep, and delivers."""
    direct = await connect(direct_url)
    await direct.execute("select setval('outbox.relay_asleep', 1, true)")
    stage = replace(stage, environment={**stage.environment, "DATABASE_URL": pooled_url}, conn=direct)
    await stage.people({"anna": 11})
    with stage.watching() as worker:
        await worker.healthy()
        for number in range(3):
            await stage.emit(number, "anna")
            await stage.sent(number + 1)
        listening = "select count(*) from pg_stat_activity where query ilike 'listen%'"
        assert await direct.fetchval(f"{listening} and datname = current_database()") == 0
        assert not await direct.fetchval("select is_called from outbox.relay_asleep")
    assert await stage.arrived(11) == [0, 1, 2]
    await direct.close()
