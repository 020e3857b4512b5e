"""A drain: so many committed events, until one worker run with --once has recorded the end of each."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from statistics import median

from outbox.database.connection import connect
from tests.bench import catalog, count, process, worker
from tests.bench.count import Counts
from tests.bench.stage import PEOPLE, Ground

USUAL: Mapping[str, str] = {}
MOST_S = 1800.0
WARM = 10_000
WORK_S = 6.0
"""Processor seconds that a drain is to take: the start of a worker is in them, and is not what is measured."""

EVENTS = """
insert into outbox.event (type, recipients, payload)
select ($2::text[])[1 + i % cardinality($2::text[])], array['u' || 1 + i % $3::integer], $4::text::jsonb
from generate_series(1, $1::integer) i
"""
WIDE_EVENTS = """
insert into outbox.event (type, recipients, payload)
select ($2::text[])[1 + i % cardinality($2::text[])],
  array(select 'u' || 1 + (i * $5::bigint + j) % $3::integer from generate_series(0, $5::integer - 1) j),
  $4::text::jsonb
from generate_series(1, $1::integer) i
"""
DELIVERED = """
select (select count(*) from outbox.delivery where state = 'sent') + (select count(*) from outbox.notification)
"""
HOLD = "create table if not exists public.held (id serial)"
HELD = "insert into public.held default values"


@dataclass(frozen=True, slots=True)
class Load:
    """What is emitted."""

    events: int
    types: Sequence[str] = (catalog.TELEGRAM,)
    payload: str = catalog.SHORT
    each: int = 1
    """Recipients of an event."""
    channels: int = 1
    people: int = PEOPLE
    """Who gets them in turn."""
    cold: bool = False
    """Nobody has had a message before, so that there are no lanes yet."""

    @property
    def messages(self) -> int:
        """Tell how many messages that gives."""
        return self.events * self.each * self.channels


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain took."""

    messages: int
    seconds: float
    worker_s: float
    """Of processor time."""
    postgres_s: float
    """Of processor time, of all of its processes together."""
    most_kb: int
    counts: Counts

    @property
    def rate(self) -> float:
        """Tell how many messages it made a second, its start and its end included."""
        return self.messages / self.seconds

    @property
    def costs(self) -> str:
        """Tell the processor time of each message."""
        each = 1e6 / self.messages
        return f"worker {self.worker_s * each:.0f} µs, PostgreSQL {self.postgres_s * each:.0f} µs a message"

    def next_to(self, other: "Drained") -> str:
        """Compare the rate, and what each message takes of the processors, which a busy machine does not change."""
        ours, theirs = ((one.worker_s + one.postgres_s) / one.messages for one in (self, other))
        return f"{self.rate:,.0f}/s = {self.rate / other.rate:.2f}; by processor time {theirs / ours:.2f}"


Prepare = Callable[[Ground], Awaitable[object]]


async def analyzed(ground: Ground) -> None:
    """Let the planner know what is there."""
    await ground.conn.execute("vacuum analyze", timeout=MOST_S)


async def empty(ground: Ground) -> None:
    """Take everything away that followed from events."""
    await ground.conn.execute("truncate " + worker.TABLES)


async def fill(ground: Ground, load: Load) -> None:
    """Commit the events, as those who emit while the relay is awake."""
    await ground.conn.execute(worker.AWAKE)
    if not load.cold:
        await ground.conn.execute(worker.LANES, load.people, timeout=MOST_S)
    arguments = (load.events, list(load.types), load.people, load.payload)
    if load.each == 1:
        await ground.conn.execute(EVENTS, *arguments, timeout=MOST_S)
    else:
        await ground.conn.execute(WIDE_EVENTS, *arguments, load.each, timeout=MOST_S)


@asynccontextmanager
async def held(ground: Ground) -> AsyncIterator[None]:
    """Hold a writing transaction open for as long as the block lasts."""
    await ground.conn.execute(HOLD)
    holder = await connect(ground.url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(HELD)
    try:
        yield
    finally:
        await transaction.rollback()
        await holder.close()


async def drain(
    ground: Ground,
    load: Load,
    *,
    prepare: Prepare = analyzed,
    sender: str = process.NULL,
    in_flight: int = process.IN_FLIGHT,
    settings: Mapping[str, str] = USUAL,
) -> Drained:
    """Empty the tables, commit the events, and let one worker run drain them."""
    await empty(ground)
    await fill(ground, load)
    await prepare(ground)
    return await run(ground, load.messages, sender=sender, in_flight=in_flight, settings=settings)


async def run(
    ground: Ground,
    messages: int,
    *,
    sender: str = process.NULL,
    in_flight: int = process.IN_FLIGHT,
    settings: Mapping[str, str] = USUAL,
) -> Drained:
    """Let one worker run drain what is there.

    Raises:
        RuntimeError: not all of it was delivered.

    """
    server = ground.stage.server._process
    assert server is not None
    delivered = await ground.conn.fetchval(DELIVERED, timeout=MOST_S)
    await ground.conn.execute("checkpoint")
    await ground.conn.execute(count.FORGET)
    before, used = await count.count(ground.conn, ground.stage.redis_url), process.cpu_s(server.pid, children=True)
    took = await process.once(ground, sender, in_flight, **settings)
    counts = (await count.count(ground.conn, ground.stage.redis_url)).since(before)
    postgres_s = process.cpu_s(server.pid, children=True) - used
    if (done := await ground.conn.fetchval(DELIVERED, timeout=MOST_S) - delivered) != messages:
        raise RuntimeError(f"{done:,} of {messages:,} were delivered")
    return Drained(messages, took.seconds, took.cpu_s, postgres_s, took.most_kb, counts)


async def fit(ground: Ground, load: Load, most: int, settings: Mapping[str, str] = USUAL) -> Load:
    """Warm up with a few messages; give it so many events that a drain takes long enough to be measured."""
    few = replace(load, events=max(1, ground.stage.size(WARM) // load.each))
    warm = await drain(ground, few, settings=settings)
    # not by the time on the wall: beside others' work it would be too few
    wanted = WORK_S * ground.stage.scale * warm.messages / max(warm.worker_s, warm.postgres_s)
    messages = min(ground.stage.size(most), max(few.messages, round(wanted, -3)))
    return replace(load, events=max(1, int(messages) // load.each))


async def alternate(rounds: int, *ways: Callable[[], Awaitable[Drained]]) -> list[Drained]:
    """Let the ways take turns; give each in its middle."""
    runs: list[list[Drained]] = [[] for _ in ways]
    for turn in range(rounds):
        order = range(len(ways)) if turn % 2 == 0 else range(len(ways) - 1, -1, -1)
        for number in order:
            runs[number].append(await ways[number]())
    return [middle(each) for each in runs]


def middle(runs: Sequence[Drained]) -> Drained:
    """Take the medians, each for itself."""
    return replace(
        runs[0],
        seconds=median(one.seconds for one in runs),
        worker_s=median(one.worker_s for one in runs),
        postgres_s=median(one.postgres_s for one in runs),
        most_kb=max(one.most_kb for one in runs),
        counts=Counts(*(round(median(column)) for column in zip(*(one.counts for one in runs), strict=True))),
    )
