"""The snapshot cursor under slow, nested, failing and long transactions: nothing lost, nothing twice, nobody waits."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import pytest

from outbox.cursor import snapshot_cursor
from outbox.database.connection import Connection, Pool, connect
from outbox.delivery.channel import Channel
from outbox.error import ForeignClusterError
from outbox.event_log import event
from outbox.proof import completeness
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.integration.stage import PATIENCE_S, until_true
from workers.embedded.engine import Postgres

ROUTES = Routing({"t": Route("t", "c", frozenset({Channel.INAPP}))})
WRITERS = 24
RECIPIENTS = [f"u{number}" for number in range(40)]
LONGEST_S = 5.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Relay = Callable[[Connection], Awaitable[bool]]
"""Relays one batch; tells whether there may be more."""


@dataclass
class Written:
    """What the writers know of their own transactions."""

    least: int
    """Fewer events than this say nothing, nor do fewer than a tenth of it that were undone."""
    committed: dict[int, list[str]] = field(default_factory=dict)
    """Recipients by event."""
    undone: set[int] = field(default_factory=set)
    """Events that were rolled back."""

    @property
    def is_enough(self) -> bool:
        """Tell whether it says something."""
        return len(self.committed) > self.least and len(self.undone) > self.least / 10


class UndoneError(Exception):
    """The writer changes its mind."""


@dataclass
class Writer:
    """A producer whose transactions are nested, late and sometimes undone."""

    conn: Connection
    chance: random.Random
    written: Written
    until: float
    """Loop time at which it begins no further transaction, if enough is written then."""

    async def write(self) -> None:
        """Write transactions until the end."""
        now = asyncio.get_running_loop().time
        while now() < self.until or not self.written.is_enough:
            events: dict[int, list[str]] = {}
            try:
                async with self.conn.transaction():
                    await self._fill(events, self.until - now())
            except UndoneError:
                self.written.undone |= events.keys()
            else:
                self.written.committed |= events

    async def _fill(self, events: dict[int, list[str]], left: float) -> None:
        for _ in range(self.chance.randint(1, 4)):
            events |= await self._emit()
            await self._be_late(left)
        inner: dict[int, list[str]] = {}
        try:
            async with self.conn.transaction():
                inner |= await self._emit()
                await self._be_late(left)
                self._maybe_undo()
        except UndoneError:
            self.written.undone |= inner.keys()
        else:
            events |= inner
        self._maybe_undo()

    async def _emit(self) -> dict[int, list[str]]:
        recipients = self.chance.sample(RECIPIENTS, self.chance.randint(1, 3))
        return {await event.emit(self.conn, "t", recipients): recipients}

    async def _be_late(self, left: float) -> None:
        longest = min(LONGEST_S, max(left, 0))
        seconds = self.chance.uniform(0, longest) if self.chance.random() < 1 / 60 else self.chance.uniform(0, 0.03)
        await self.conn.execute("select pg_sleep($1)", seconds)

    def _maybe_undo(self) -> None:
        if self.chance.random() < 1 / 8:
            raise UndoneError


@asynccontextmanager
async def held_open(conn: Connection, sql: str) -> AsyncIterator[None]:
    """Keep a writing transaction open for as long as the block lasts; then commit it."""
    async with conn.transaction():
        await conn.execute(sql)
        yield


async def keep_relaying(conn: Connection, step: Relay, stopping: asyncio.Event) -> None:
    """Relay as a worker does: at once while there is more, else a moment later."""
    while not stopping.is_set():
        if not await step(conn):
            try:
                await asyncio.wait_for(stopping.wait(), 0.005)
            except TimeoutError:
                continue


RELAYED = "select exists (select from outbox.notification)"


async def torture(
    pool: Pool, postgres: Postgres, relays: list[Relay], seconds: float, *, least: int, is_read: str = RELAYED
) -> Written:
    """Let writers write beside competing relays; return when all that was committed had its chance to be read."""
    written = Written(least)
    stopping = asyncio.Event()
    until = asyncio.get_running_loop().time() + seconds
    elsewhere = await asyncpg.connect(postgres.url("postgres"))
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            pool.acquire() as long,
            # open before the first event is written and after the last is read
            held_open(elsewhere, "create temporary table open_elsewhere ()"),
        ):
            async with asyncio.TaskGroup() as group:
                async with long.transaction():
                    late = await event.emit(long, "t", ["late"])
                    for step in relays:
                        group.create_task(relaying(pool, step, stopping))
                    await write_all(pool, written, until)
                    # it is late only where what came after it has been read
                    await until_true(lambda: long.fetchval(is_read))
                written.committed[late] = ["late"]
                stopping.set()
            # what one of them still held would be no other's to read
            await drain(pool, relays)
    finally:
        await elsewhere.close()
    return written


async def relaying(pool: Pool, step: Relay, stopping: asyncio.Event) -> None:
    """Relay on a connection of its own."""
    async with pool.acquire() as conn:
        await keep_relaying(conn, step, stopping)


async def write_all(pool: Pool, written: Written, until: float) -> None:
    """Let all writers write."""
    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(writing(pool, random.Random(number), written, until))


async def writing(pool: Pool, chance: random.Random, written: Written, until: float) -> None:
    """Write on a connection of its own."""
    async with pool.acquire() as conn:
        await Writer(conn, chance, written, until).write()


async def drain(pool: Pool, relays: list[Relay]) -> None:
    """Relay what is left."""
    async with pool.acquire() as conn:
        for step in relays:
            while await step(conn):
                pass


async def delivered(conn: Connection) -> Counter[tuple[int, str]]:
    """Count notifications by event and recipient."""
    rows = await conn.fetch("select event_id, recipient from outbox.notification")
    return Counter((row["event_id"], row["recipient"]) for row in rows)


def wanted(written: Written) -> set[tuple[int, str]]:
    """Name the notifications that there must be."""
    return {(event_id, recipient) for event_id, recipients in written.committed.items() for recipient in recipients}


def relay_by_snapshots(limit: int) -> Relay:
    """Make the product's relay, with batches of this size."""

    async def step(conn: Connection) -> bool:
        batch = await fan_out.step(conn, ROUTES, limit)
        return batch is None or batch.more or await fan_out.peek(conn, ROUTES)

    return step


NOTIFY_BY_ID = """
with page as (select id from outbox.event where id > $1 order by id limit $2),
ids as (select array_agg(id order by id) as all from page)
select i.all[cardinality(i.all)] from ids i
cross join lateral outbox.add_notifications(
  i.all, array_fill('t'::text, array[cardinality(i.all)]), array_fill('c'::text, array[cardinality(i.all)])
) where i.all is not null
"""


def relay_by_id(limit: int) -> Relay:
    """Make a relay that reads `id > last`, as one does who has not thought of late commits."""

    async def step(conn: Connection) -> bool:
        async with conn.transaction():
            last = await conn.fetchval("select at_id from outbox.cursor where consumer = 'relay' for update")
            read = await conn.fetchval(NOTIFY_BY_ID, last, limit)
            if read is not None:
                await conn.execute("update outbox.cursor set at_id = $1 where consumer = 'relay'", read)
        return read is not None

    return step


async def test_every_committed_event_arrives_once(pool: Pool, conn: Connection, postgres: Postgres) -> None:
    """Under late, nested, undone and long transactions two relays bring each committed event to its inbox once."""
    written = await torture(pool, postgres, [relay_by_snapshots(7), relay_by_snapshots(500)], 10.0, least=1_000)

    found = await delivered(conn)
    assert wanted(written) - found.keys() == set(), "lost"
    assert found.keys() - wanted(written) == set(), "invented"
    assert set(found.values()) == {1}

    for_each = Counter(recipient for _, recipient in found)
    inboxes = await conn.fetch("select recipient, unread, version from outbox.inbox")
    assert {row["recipient"]: (row["unread"], row["version"]) for row in inboxes} == {
        recipient: (count, count) for recipient, count in for_each.items()
    }
    proven = await completeness.prove(conn, LONG_AGO)
    assert proven.holds
    assert proven.waiting == 0
    assert proven.expected == len(wanted(written))


async def test_the_torture_finds_what_a_cursor_by_id_loses(pool: Pool, conn: Connection, postgres: Postgres) -> None:
    """The same torture sees a cursor that reads `id > last` lose events: it is able to fail."""
    written = await torture(pool, postgres, [relay_by_id(7), relay_by_id(500)], 2.0, least=300)

    lost = wanted(written) - (await delivered(conn)).keys()
    assert len(lost) > 0


async def test_nobody_waits_for_a_slow_writer(pool: Pool, conn: Connection, postgres: Postgres) -> None:
    """An event is relayed while older transactions are still open, and theirs when they commit."""
    elsewhere = await asyncpg.connect(postgres.url("postgres"))
    try:
        async with pool.acquire() as slow, held_open(elsewhere, "create temporary table open_elsewhere ()"):
            async with held_open(slow, "select outbox.emit('t', array['slow'])"):
                quick = await event.emit(conn, "t", ["quick"])
                await fan_out.step(conn, ROUTES)
                assert await delivered(conn) == {(quick, "quick"): 1}
                assert not await fan_out.peek(conn, ROUTES)
            assert await fan_out.peek(conn, ROUTES)
            await fan_out.step(conn, ROUTES)
            assert (await delivered(conn)).keys() == {(quick, "quick"), (quick - 1, "slow")}
    finally:
        await elsewhere.close()


async def test_a_plain_insert_is_enough(conn: Connection) -> None:
    """A row that an application's own SQL inserts into outbox.event is relayed as an emitted one."""
    event_id = await conn.fetchval("insert into outbox.event (type, recipients) values ('t', '{ann}') returning id")
    await fan_out.step(conn, ROUTES)

    assert await delivered(conn) == {(event_id, "ann"): 1}


async def test_a_window_is_read_in_pieces(conn: Connection) -> None:
    """A batch ends at its limit and the next goes on behind it, though one transaction wrote all."""
    async with conn.transaction():
        ids = [await event.emit(conn, "t", ["ann"]) for _ in range(5)]
    batches = [await fan_out.step(conn, ROUTES, 2) for _ in range(3)]

    assert [(batch.relayed, batch.more) for batch in batches if batch is not None] == [
        ({"t": 2}, True),
        ({"t": 2}, True),
        ({"t": 1}, False),
    ]
    order = await conn.fetch("select event_id from outbox.notification order by version")
    assert [row["event_id"] for row in order] == ids


async def test_a_batch_ends_at_its_rows(conn: Connection) -> None:
    """A batch holds no more than 10,000 event-recipient pairs, but always one event."""
    crowd = [f"u{number}" for number in range(10_000)]
    for _ in range(3):
        await event.emit(conn, "unknown", crowd)
    first = await fan_out.step(conn, ROUTES)
    second = await fan_out.step(conn, ROUTES)

    assert first is not None
    assert second is not None
    assert (first.unrouted, first.more) == (1, True)
    assert (second.unrouted, second.more) == (1, True)


async def test_a_second_relay_stands_by(pool: Pool, conn: Connection) -> None:
    """A relay that finds the cursor held does nothing instead of waiting."""
    await event.emit(conn, "t", ["ann"])
    async with pool.acquire() as other, other.transaction():
        assert await snapshot_cursor.lock(other) is not None
        assert await asyncio.wait_for(fan_out.step(conn, ROUTES), PATIENCE_S) is None
    batch = await fan_out.step(conn, ROUTES)

    assert batch is not None
    assert batch.relayed == {"t": 1}


# stands between a statement's snapshot and the lock that it takes, for as long as somebody holds the advisory lock
GATE = """
create function gate() returns boolean language plpgsql as
  'begin perform pg_advisory_lock(1), pg_advisory_unlock(1); return true; end';
alter table outbox.cursor enable row level security;
create policy gate on outbox.cursor to outbox_worker using (gate())
"""


WAITS = """
select exists (
  select from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0
)
"""


async def test_a_relay_that_is_overtaken_is_at_home(pool: Pool, conn: Connection, direct_url: str) -> None:
    """A relay that another overtakes between its look at the cursor and its lock does not take it for a foreign one."""
    await conn.execute(GATE)
    porter = await connect(direct_url)
    await porter.execute("select pg_advisory_lock(1)")
    async with pool.acquire() as slow, slow.transaction(), asyncio.timeout(PATIENCE_S):
        await slow.execute("set local role outbox_worker")
        locked = asyncio.create_task(snapshot_cursor.lock(slow))
        while not await conn.fetchval(WAITS):
            pass
        await event.emit(conn, "t", ["ann"])
        await fan_out.step(conn, ROUTES)
        (moved,) = await snapshot_cursor.show(conn)
        await porter.execute("select pg_advisory_unlock(1)")
        window = await locked

    await porter.close()
    assert window is not None
    assert window.high == moved["high"]


async def test_a_relay_that_dies_leaves_nothing(pool: Pool, conn: Connection) -> None:
    """A batch that is not committed never happened, and the next relay reads it again."""
    await event.emit(conn, "t", ["ann"])
    async with pool.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await fan_out.step(other, ROUTES)
        await transaction.rollback()
    assert await delivered(conn) == {}
    await fan_out.step(conn, ROUTES)

    assert sum((await delivered(conn)).values()) == 1
    assert await conn.fetchval("select unread from outbox.inbox") == 1


async def test_an_unknown_type_is_kept(conn: Connection) -> None:
    """An event whose type nobody knows is counted as unrouted, delivered to nobody and kept."""
    event_id = await event.emit(conn, "t.unknown", ["ann"])
    batch = await fan_out.step(conn, ROUTES)

    assert batch is not None
    assert batch.unrouted == 1
    assert await delivered(conn) == {}
    row = await conn.fetchrow("select event_id, reason, type from outbox.waiting")
    assert row is not None
    assert tuple(row) == (event_id, "unrouted", "t.unknown")


async def test_an_idle_look_writes_nothing(conn: Connection) -> None:
    """Looking for events takes no transaction id, so an idle relay leaves no trace in the cluster."""
    async with conn.transaction():
        assert not await fan_out.peek(conn, ROUTES)
        assert await conn.fetchval("select pg_current_xact_id_if_assigned()") is None


async def test_shows_where_it_stands(conn: Connection) -> None:
    """The cursor is shown beside the cluster and the snapshot that it is compared to."""
    (found,) = await snapshot_cursor.show(conn)

    assert found["consumer"] == "relay"
    assert found["low"] == found["high"]
    assert found["system_identifier"] == found["cluster_system_identifier"]


async def test_a_cursor_ahead_of_the_cluster_is_refused(conn: Connection) -> None:
    """A cursor beyond the cluster's current transaction id is something to look at, and refused with the remedy."""
    await event.emit(conn, "t", ["ann"])
    await conn.execute("update outbox.cursor set low = '4000000000:4000000000:', high = '4000000000:4000000000:'")

    assert await fan_out.peek(conn, ROUTES), "a worker that only looks would skip everything silently"
    with pytest.raises(ForeignClusterError, match="vestnik cursor rebase"):
        await fan_out.step(conn, ROUTES)
