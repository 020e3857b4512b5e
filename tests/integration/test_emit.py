"""What `outbox.emit` takes, refuses, writes and returns, and who may call it."""

import asyncio
import random
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from outbox.cursor import snapshot_cursor
from outbox.cursor.rebase import rebase
from outbox.database.connection import Connection, Pool
from outbox.delivery.channel import Channel
from outbox.error import InvalidEventError
from outbox.event_log import event
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.integration.stage import PATIENCE_S

AT_MOST_BYTES = 65_536
FRAME = '{"k": ""}'
"""What PostgreSQL writes around the text of a payload with one key."""

TABLES = "select format('outbox.%I', tablename) from pg_tables where schemaname = 'outbox'"
FUNCTIONS = "select oid::regprocedure::text from pg_proc where pronamespace = 'outbox'::regnamespace"


def payload_of(size: int) -> dict[str, str]:
    """Make a payload that is `size` bytes long as PostgreSQL writes it."""
    return {"k": "x" * (size - len(FRAME))}


async def count_events(conn: Connection) -> int:
    """Count the event log."""
    return int(await conn.fetchval("select count(*) from outbox.event"))


@asynccontextmanager
async def acting_as(conn: Connection, role: str) -> AsyncIterator[None]:
    """Give the connection the rights of one role."""
    await conn.execute(f"set role {role}")
    try:
        yield
    finally:
        await conn.execute("reset role")


async def test_returns_the_id_of_the_row_it_wrote(conn: Connection) -> None:
    """An emit with all its named parameters writes exactly these into one event and returns its id."""
    event_id = await conn.fetchval(
        """
        select outbox.emit(type => 'order.paid', recipients => array['ann', 'bob'], payload => '{"sum": 7}',
          dedupe_key => 'order-1', request_id => 'req-1', deliver_at => '2031-01-01T00:00Z',
          expires_at => '2031-01-02T00:00Z')
        """
    )

    row = await conn.fetchrow(
        "select id, type, recipients, payload, dedupe_key, request_id, deliver_at, expires_at from outbox.event"
    )
    assert row is not None
    assert tuple(row) == (
        event_id,
        "order.paid",
        ["ann", "bob"],
        {"sum": 7},
        "order-1",
        "req-1",
        datetime(2031, 1, 1, tzinfo=UTC),
        datetime(2031, 1, 2, tzinfo=UTC),
    )
    assert await count_events(conn) == 1


async def test_two_arguments_are_enough(conn: Connection) -> None:
    """Without the optional parameters the payload is an empty object and the rest is null."""
    await conn.fetchval("select outbox.emit('order.paid', array['ann'])")

    row = await conn.fetchrow("select payload, dedupe_key, request_id, deliver_at, expires_at from outbox.event")
    assert row is not None
    assert tuple(row) == ({}, None, None, None, None)


REFUSED = {
    "type null": ("null", "array['u']", "'{}'", "type is null or empty"),
    "type empty": ("''", "array['u']", "'{}'", "type is null or empty"),
    "type blank": ("'  '", "array['u']", "'{}'", "type is null or empty"),
    "recipients null": ("'t'", "null", "'{}'", "no recipients"),
    "recipients empty": ("'t'", "'{}'", "'{}'", "no recipients"),
    "one recipient too many": (
        "'t'",
        "array(select i::text from generate_series(1, 10001) i)",
        "'{}'",
        "10001 recipients, at most 10000 are allowed",
    ),
    "a matrix": ("'t'", "array[array['a'], array['b']]", "'{}'", "recipients must be a list, not a matrix"),
    "a null recipient": ("'t'", "array['u', null]", "'{}'", "a recipient is null"),
    "an empty recipient": ("'t'", "array['u', '']", "'{}'", "a recipient is empty"),
    "payload null": ("'t'", "array['u']", "null", "payload is null, it must be a JSON object"),
    "payload json null": ("'t'", "array['u']", "'null'", "payload is a JSON null, it must be an object"),
    "payload array": ("'t'", "array['u']", "'[]'", "payload is a JSON array, it must be an object"),
    "payload string": ("'t'", "array['u']", "'\"x\"'", "payload is a JSON string, it must be an object"),
    "payload number": ("'t'", "array['u']", "'5'", "payload is a JSON number, it must be an object"),
    "payload boolean": ("'t'", "array['u']", "'true'", "payload is a JSON boolean, it must be an object"),
    "payload too large": (
        "'t'",
        "array['u']",
        "jsonb_build_object('k', repeat('x', 65536))",
        "payload has 65545 bytes, at most 65536 are allowed",
    ),
    "type too long": ("repeat('t', 1001)", "array['u']", "'{}'", "type has 1001 bytes, at most 1000 are allowed"),
    "recipient too long": ("'t'", "array[repeat('ж', 1001)]", "'{}'", "a recipient has more than 2000 bytes"),
    "second recipient too long": (
        "'t'",
        "array['u', repeat('u', 2001)]",
        "'{}'",
        "a recipient has more than 2000 bytes",
    ),
    "dedupe key too long": (
        "'t'",
        "array['u']",
        "'{}', dedupe_key => repeat('k', 2001)",
        "dedupe_key has 2001 bytes, at most 2000 are allowed",
    ),
    "delivered in no calendar": (
        "'t'",
        "array['u']",
        "'{}', deliver_at => '20000-01-01'",
        "deliver_at is not between the years 1970 and 9999",
    ),
    "expired before all time": (
        "'t'",
        "array['u']",
        "'{}', expires_at => '0044-03-15 BC'",
        "expires_at is not between the years 1970 and 9999",
    ),
    "never expired": (
        "'t'",
        "array['u']",
        "'{}', expires_at => 'infinity'",
        "expires_at is not between the years 1970 and 9999",
    ),
}


@pytest.mark.parametrize(("type_", "recipients", "payload", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_refuses_bad_input_by_name(
    conn: Connection, type_: str, recipients: str, payload: str, message: str
) -> None:
    """Bad input is refused with SQLSTATE 22023 and a message that says what is wrong, and nothing is written."""
    with pytest.raises(asyncpg.InvalidParameterValueError) as refused:
        await conn.fetchval(f"select outbox.emit({type_}, {recipients}, {payload})")

    assert refused.value.sqlstate == "22023"
    assert refused.value.message == f"outbox.emit: {message}"
    assert await count_events(conn) == 0


async def test_what_is_just_short_enough_is_relayed(conn: Connection) -> None:
    """Names of random letters and times at the bounds are taken, and the relay can write all that comes of them."""
    type_, *people = [_random(1, 1_000), _random(2, 2_000), _random(3, 2_000)]
    last = datetime(9999, 12, 31, tzinfo=UTC)
    first = datetime(1970, 1, 1, tzinfo=UTC)
    await event.emit(conn, type_, people, dedupe_key=_random(4, 2_000), deliver_at=first, expires_at=last)

    route = Route(type_, "c", frozenset(Channel), urgent=True)
    batch = await fan_out.step(conn, Routing({type_: route}))

    assert batch is not None
    assert (batch.notifications, batch.deliveries) == (2, 2)


def _random(seed: int, length: int) -> str:
    """Make a text that PostgreSQL cannot compress."""
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=length))


async def test_takes_ten_thousand_recipients(conn: Connection) -> None:
    """Exactly 10,000 recipients are taken."""
    await conn.fetchval("select outbox.emit('t', array(select i::text from generate_series(1, 10000) i))")

    assert await conn.fetchval("select cardinality(recipients) from outbox.event") == 10_000


async def test_takes_64_kib(conn: Connection) -> None:
    """A payload of exactly 64 KiB as PostgreSQL writes it is taken."""
    await event.emit(conn, "t", ["u"], payload_of(AT_MOST_BYTES))

    assert await conn.fetchval("select octet_length(payload::text) from outbox.event") == AT_MOST_BYTES


async def test_refuses_64_kib_and_one_byte(conn: Connection) -> None:
    """A payload of one byte more than 64 KiB is refused."""
    with pytest.raises(InvalidEventError, match="payload has 65537 bytes"):
        await event.emit(conn, "t", ["u"], payload_of(AT_MOST_BYTES + 1))


async def test_counts_bytes_not_characters(conn: Connection) -> None:
    """A payload of fewer than 65,536 characters that take more bytes is refused."""
    with pytest.raises(InvalidEventError, match="payload has 80009 bytes"):
        await event.emit(conn, "t", ["u"], {"k": "ж" * 40_000})


async def test_refuses_a_huge_payload_that_is_stored_small(conn: Connection) -> None:
    """A payload is measured as it reads, however small PostgreSQL has compressed it in the caller's table."""
    await conn.execute("create table draft (body jsonb)")
    await conn.execute("insert into draft select jsonb_build_object('k', repeat('x', 3000000))")
    assert await conn.fetchval("select pg_column_size(body) < 65536 from draft"), "it was not compressed"

    with pytest.raises(asyncpg.InvalidParameterValueError, match="payload has 3000009 bytes"):
        await conn.fetchval("select outbox.emit('t', array['u'], body) from draft")


async def test_folds_recipients_in_order(conn: Connection) -> None:
    """A recipient named twice is one recipient, at the place where it was first named."""
    await event.emit(conn, "t", ["zoe", "ann", "zoe", "bob", "ann"])

    assert await conn.fetchval("select recipients from outbox.event") == ["zoe", "ann", "bob"]


async def test_same_key_same_event(conn: Connection) -> None:
    """The same dedupe key again returns the first event's id and writes nothing, whatever else was said."""
    first = await event.emit(conn, "t", ["ann"], {"n": 1}, dedupe_key="k")
    again = await event.emit(conn, "other", ["bob"], {"n": 2}, dedupe_key="k")

    assert again == first
    rows = await conn.fetch("select type, recipients, payload from outbox.event")
    assert [tuple(row) for row in rows] == [("t", ["ann"], {"n": 1})]


async def test_events_without_a_key_are_all_different(conn: Connection) -> None:
    """Without a dedupe key two equal events are two events."""
    first = await event.emit(conn, "t", ["ann"])

    assert await event.emit(conn, "t", ["ann"]) != first
    assert await count_events(conn) == 2


async def test_fifty_transactions_race_with_one_key(pool: Pool, conn: Connection) -> None:
    """Of fifty transactions that emit one dedupe key at once one writes, and all of them get its id."""
    at_once = asyncio.Barrier(50)

    async def emit_one(number: int) -> int:
        async with pool.acquire() as mine, mine.transaction():
            await at_once.wait()
            return await event.emit(mine, "t", [f"u{number}"], dedupe_key="k")

    async with asyncio.timeout(PATIENCE_S):
        ids = await asyncio.gather(*(emit_one(number) for number in range(50)))

    assert await count_events(conn) == 1
    assert set(ids) == {await conn.fetchval("select id from outbox.event")}


WAITS = """
select exists (
  select from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0
)
"""


async def waiting_for_another(conn: Connection) -> None:
    """Wait until a session waits for another transaction to end."""
    async with asyncio.timeout(PATIENCE_S):
        while not await conn.fetchval(WAITS):
            pass


async def test_second_writes_when_the_first_rolls_back(pool: Pool, conn: Connection) -> None:
    """A transaction that waited for another with its dedupe key writes its own event when that one rolls back."""
    async with pool.acquire() as one, pool.acquire() as two:
        first = one.transaction()
        await first.start()
        lost = await event.emit(one, "t", ["ann"], dedupe_key="k")
        second = asyncio.create_task(event.emit(two, "t", ["bob"], dedupe_key="k"))
        await waiting_for_another(conn)
        await first.rollback()
        won = await asyncio.wait_for(second, PATIENCE_S)

    assert won != lost
    rows = await conn.fetch("select id, recipients from outbox.event")
    assert [tuple(row) for row in rows] == [(won, ["bob"])]


async def test_second_gets_the_first_when_it_commits(pool: Pool, conn: Connection) -> None:
    """A transaction that waited for another with its dedupe key gets that one's id when it commits."""
    async with pool.acquire() as one, pool.acquire() as two:
        first = one.transaction()
        await first.start()
        wanted = await event.emit(one, "t", ["ann"], dedupe_key="k")
        second = asyncio.create_task(event.emit(two, "t", ["bob"], dedupe_key="k"))
        await waiting_for_another(conn)
        await first.commit()

        assert await asyncio.wait_for(second, PATIENCE_S) == wanted


async def test_request_id_comes_from_the_session(conn: Connection) -> None:
    """Without one of its own an event takes its request id from the setting outbox.request_id."""
    async with conn.transaction():
        await conn.execute("set local outbox.request_id = 'req-9'")
        await event.emit(conn, "t", ["ann"])
        await event.emit(conn, "t", ["ann"], request_id="mine")
    await event.emit(conn, "t", ["ann"])

    assert [row[0] for row in await conn.fetch("select request_id from outbox.event order by id")] == [
        "req-9",
        "mine",
        None,
    ]


async def test_rollback_leaves_nothing(conn: Connection) -> None:
    """An event whose transaction or savepoint rolls back was never written, and its dedupe key is free again."""
    transaction = conn.transaction()
    await transaction.start()
    await event.emit(conn, "t", ["ann"], dedupe_key="k")
    await transaction.rollback()
    assert await count_events(conn) == 0

    async with conn.transaction():
        savepoint = conn.transaction()
        await savepoint.start()
        await event.emit(conn, "t", ["ann"], dedupe_key="k")
        await savepoint.rollback()
        await event.emit(conn, "t", ["bob"], dedupe_key="k")

    assert [row[0] for row in await conn.fetch("select recipients from outbox.event")] == [["bob"]]


@pytest.mark.direct
async def test_notifies_only_a_sleeping_relay(conn: Connection, pool: Pool) -> None:
    """An emit notifies when the relay has said that it sleeps, and no longer once it is awake."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    await conn.add_listener("outbox_event", lambda _conn, _pid, _channel, text: heard.put_nowait(text))
    async with pool.acquire() as producer:

        async def texts_of_one_emit() -> list[str]:
            await event.emit(producer, "t", ["ann"])
            # notifications come in commit order: what the emit sent is here before this one
            await producer.execute("select pg_notify('outbox_event', 'end')")
            texts = []
            while (text := await asyncio.wait_for(heard.get(), PATIENCE_S)) != "end":
                texts.append(text)
            return texts

        assert await texts_of_one_emit() == []
        await snapshot_cursor.set_asleep(producer, True)
        assert await texts_of_one_emit() == [""]
        await snapshot_cursor.set_asleep(producer, False)
        assert await texts_of_one_emit() == []


async def test_producer_may_only_emit(conn: Connection) -> None:
    """The role outbox_producer may execute emit and nothing else, and may not touch any table."""
    functions = [row[0] for row in await conn.fetch(FUNCTIONS)]
    tables = [row[0] for row in await conn.fetch(TABLES)]

    may_execute = {
        name
        for name in functions
        if await conn.fetchval("select has_function_privilege('outbox_producer', $1, 'execute')", name)
    }
    assert may_execute == {"outbox.emit(text,text[],jsonb,text,text,timestamp with time zone,timestamp with time zone)"}
    for table in tables:
        rights = "select, insert, update, delete, truncate, references, trigger"
        assert not await conn.fetchval("select has_table_privilege('outbox_producer', $1, $2)", table, rights), table

    async with acting_as(conn, "outbox_producer"):
        assert await event.emit(conn, "t", ["ann"]) > 0
        for sql in ("select * from outbox.event", "insert into outbox.event (type, recipients) values ('t', '{u}')"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(sql)


async def test_reader_may_only_read(conn: Connection) -> None:
    """The role outbox_reader may read every table but how erased people are hashed, and do nothing else."""
    for (table,) in await conn.fetch(TABLES):
        reads = await conn.fetchval("select has_table_privilege('outbox_reader', $1, 'select')", table)
        assert reads is (table not in {"outbox.salt", "outbox.forgotten"}), table
        writes = "insert, update, delete, truncate, references, trigger"
        assert not await conn.fetchval("select has_table_privilege('outbox_reader', $1, $2)", table, writes), table
    for (function,) in await conn.fetch(FUNCTIONS):
        held = await conn.fetchval("select has_function_privilege('outbox_reader', $1, 'execute')", function)
        assert not held, function

    await event.emit(conn, "t", ["ann"])
    async with acting_as(conn, "outbox_reader"):
        assert await count_events(conn) == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await event.emit(conn, "t", ["ann"])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("delete from outbox.event")


async def test_worker_may_relay(conn: Connection) -> None:
    """The role outbox_worker has the rights to emit, relay, sleep, rebase and forget."""
    routes = Routing({"t": Route("t", "c", frozenset(Channel))})
    async with acting_as(conn, "outbox_worker"):
        await event.emit(conn, "t", ["ann"])
        assert await fan_out.peek(conn, routes)
        batch = await fan_out.step(conn, routes)
        assert batch is not None
        assert batch.relayed == {"t": 1}
        await snapshot_cursor.set_asleep(conn, True)
        assert await rebase(conn) == 0
        await conn.execute("select outbox.forget('ann')")


UNSTORABLE: dict[str, dict[str, Any]] = {
    "NUL in the payload": {"payload": {"k": "a\0b"}},
    "NUL in the type": {"type": "a\0b"},
    "NaN": {"payload": {"k": float("nan")}},
    "half a character": {"payload": {"k": "\ud800"}},
    "half a character in a recipient": {"recipients": ["\ud800"]},
    "a recipient that is no text": {"recipients": [7]},
    "what JSON cannot say": {"payload": {"k": object()}},
}


@pytest.mark.parametrize("wrong", UNSTORABLE.values(), ids=UNSTORABLE.keys())
async def test_what_cannot_be_stored_is_an_invalid_event(conn: Connection, wrong: dict[str, Any]) -> None:
    """A program that emits what PostgreSQL cannot hold gets an InvalidEventError without the event's text."""
    with pytest.raises(InvalidEventError, match=r"^the event cannot be stored: [\w ]+$"):
        await event.emit(conn, **{"type": "t", "recipients": ["ann"], **wrong})

    assert await count_events(conn) == 0


async def test_a_refusal_says_why_to_a_program(conn: Connection) -> None:
    """A program that emits bad input gets an InvalidEventError with the words of outbox.emit."""
    with pytest.raises(InvalidEventError, match=r"^outbox.emit: no recipients$"):
        await event.emit(conn, "t", [])


async def test_other_faults_are_not_blamed_on_the_event(conn: Connection) -> None:
    """A fault of the database stays what it is."""
    await conn.execute("drop function outbox.emit")

    with pytest.raises(asyncpg.UndefinedFunctionError):
        await event.emit(conn, "t", ["ann"])
