"""The rate that finds Telegram's: halved by a 429, eased by slow answers, grown again in clean times."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from telegram.pace import Pacer
from tests.integration.pacing import START, Clock, paced, proved, rested, seconds


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to an empty Valkey."""
    async with Redis.from_url(redis_url) as client:
        yield client


async def seen_by(pacer: Pacer) -> float:
    """Ask for the rate as it is now."""
    await pacer.reserve(0)
    return pacer.rate


async def test_a_429_halves_the_rate_once_however_many_follow(redis: Redis) -> None:
    """Those that come while the gate is closed make it longer, never shorter, and cut nothing."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.flood(1, seconds(10), bot_wide=True)
    assert one.rate == 12.5
    clock.pass_by(1)
    await other.flood(2, seconds(20), bot_wide=False)
    await other.flood(3, seconds(5), bot_wide=False)
    assert await one.gate_remaining() == seconds(20)
    assert other.rate == one.rate == 12.5


async def test_the_next_gate_halves_again_but_never_below_one_a_second(redis: Redis) -> None:
    """25, 12.5, 6.25, 3.125, 1.5625, 1, 1."""
    clock = Clock()
    pacer, rates = await rested(redis, clock), []
    for lane in range(6):
        await pacer.flood(lane, seconds(5), bot_wide=True)
        rates.append(pacer.rate)
        await proved(pacer, clock)
    assert rates == [12.5, 6.25, 3.125, 1.5625, 1, 1]


async def test_a_slow_bot_is_not_made_faster(redis: Redis) -> None:
    """A configured rate under 1/s stays what it is."""
    clock = Clock()
    pacer = await rested(redis, clock, rate=0.5)
    await pacer.flood(1, seconds(5), bot_wide=True)
    await pacer.ease()
    assert pacer.rate == 0.5


async def test_the_rate_grows_by_one_for_each_clean_30_s_after_the_gate(redis: Redis) -> None:
    """From the gate's end on, in whole steps, and never above what is configured."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.flood(1, seconds(600), bot_wide=True)
    clock.pass_by(600)
    grown = []
    for passed in (29.9, 0.1, 30, 300, 30, 3600):
        clock.pass_by(passed)
        grown.append(await seen_by(pacer))
    assert grown == [12.5, 13.5, 14.5, 24.5, 25, 25]


@pytest.mark.parametrize("verb", ["rest", "trip", "ease"])
async def test_a_sign_of_trouble_begins_the_30_s_anew(redis: Redis, verb: str) -> None:
    """What has been grown stays, what was on its way to the next step is lost."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.flood(1, seconds(5), bot_wide=True)
    await proved(pacer, clock)
    clock.pass_by(59)
    if verb == "rest":
        await pacer.rest(seconds(1))
    elif verb == "trip":
        await pacer.trip()
    else:
        await pacer.ease()
    kept = 13.5 * 0.9 if verb == "ease" else 13.5
    assert pacer.rate == kept
    clock.pass_by((await pacer.gate_remaining()) + seconds(29.9))
    assert await seen_by(pacer) == kept
    clock.pass_by(0.1)
    assert await seen_by(pacer) == kept + 1


async def test_easing_takes_a_tenth_at_most_once_in_5_s(redis: Redis) -> None:
    """However many workers see it at once."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.ease()
    await other.ease()
    assert other.rate == 22.5
    clock.pass_by(4.9)
    await other.ease()
    assert other.rate == 22.5
    clock.pass_by(0.1)
    await other.ease()
    assert other.rate == 20.25


async def test_easing_stops_at_one_a_second(redis: Redis) -> None:
    """A tenth less again and again never stops the bot."""
    clock = Clock()
    pacer = await rested(redis, clock, rate=1.2)
    for _ in range(4):
        await pacer.ease()
        clock.pass_by(5)
    assert pacer.rate == 1


async def test_all_workers_keep_to_the_rate_that_one_has_cut(redis: Redis) -> None:
    """After a 429 another worker gets 125 messages in 10 s where there were 250."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.flood(1, seconds(5), bot_wide=True)
    await proved(one, clock)
    granted, end = 0, clock.now + 10_000_000
    while clock.now < end:
        budget = await other.reserve(5)
        granted += budget.granted
        clock.pass_by(budget.wait)
    assert 122 <= granted <= 125


async def test_what_is_owed_at_a_cut_takes_longer_to_make_good(redis: Redis) -> None:
    """A burst taken at 25/s is refilled at 22.5/s: the next message comes 1/22.5 s later, not 1/25."""
    pacer = await rested(redis, Clock())
    await pacer.reserve(8)
    await pacer.ease()
    assert (await pacer.reserve(1)).wait == seconds(0.044445)


async def test_an_emptied_redis_does_not_go_back_to_the_full_rate(redis: Redis) -> None:
    """Whoever knows of the cut rate brings it back, also where one who does not has asked first."""
    clock = Clock()
    knows, learns = await rested(redis, clock), paced(redis, clock)
    await knows.flood(1, seconds(1), bot_wide=True)
    await proved(knows, clock)
    await redis.flushall()
    assert await seen_by(learns) == 25
    assert await seen_by(knows) == 12.5
    assert await seen_by(learns) == 12.5


async def test_what_a_worker_remembers_does_not_cut_a_rate_that_has_grown(redis: Redis) -> None:
    """A worker that was idle for long learns the rate, it does not bring the old one back."""
    clock = Clock()
    idle, other = await rested(redis, clock), paced(redis, clock)
    await idle.flood(1, seconds(1), bot_wide=True)
    await proved(idle, clock)
    clock.pass_by(3600)
    assert await seen_by(other) == 25
    assert await seen_by(idle) == 25
    assert clock.now > START


async def test_a_rate_that_was_never_cut_follows_the_settings(redis: Redis) -> None:
    """Workers started anew with a higher rate use it at once."""
    clock = Clock()
    await rested(redis, clock)
    assert await seen_by(paced(redis, clock, rate=1000)) == 1000
