"""The allowance: what one step may send, by what is due, what has room and what the limiter grants."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from health import CheckName, Health, Metrics, Status
from outbox.lane.due import Due
from tests.integration.pacing import Clock, paced, rested
from tests.integration.test_bot import claimed
from workers.pacing.in_flight import InFlight
from workers.pacing.send_budget import BudgetReserver

NOW = timedelta(0)
NEWS = {"news": 100}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to an empty Valkey."""
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def clock() -> Clock:
    """Give a clock that goes only when it is told to."""
    return Clock()


@pytest.fixture
async def asker(redis: Redis, clock: Clock) -> BudgetReserver:
    """Make the asker of a worker with eight slots and two for urgent ones, on a bot with a whole burst of ten."""
    health = Health("worker", "w1", (CheckName.REDIS,))
    flight = InFlight(8, 2, asyncio.Event())
    return BudgetReserver(await rested(redis, clock), flight, health, Metrics(CollectorRegistry()))


async def test_no_more_is_reserved_than_is_due(asker: BudgetReserver) -> None:
    """What is reserved is no more than waits, and nothing is asked for that does not wait."""
    allowance = await asker.ask(Due(2, {"news": 1, "offers": 2}, NOW))
    assert (allowance.urgent.granted, allowance.ordinary.granted) == (2, 3)
    assert (await asker.ask(Due(0, {}, None))).wait is None


async def test_half_of_the_slots_are_asked_for_at_once(asker: BudgetReserver) -> None:
    """So that what is claimed, what is sent and what is recorded overlap, one step asks for half of the slots."""
    assert (await asker.ask(Due(0, NEWS, NOW))).ordinary.granted == 5
    assert (await asker.ask(Due(50, {}, NOW))).urgent.granted == 5


async def test_no_more_is_reserved_than_has_room(asker: BudgetReserver) -> None:
    """With all ordinary slots taken two urgent messages may go and no other, however much waits."""
    held = asyncio.Event()

    async def attempt() -> None:
        await held.wait()

    for _ in range(8):
        asker.flight.start(attempt(), urgent=False)
    allowance = await asker.ask(Due(50, NEWS, NOW))
    assert (allowance.urgent.granted, allowance.ordinary.granted) == (2, 0)
    held.set()
    await asker.flight.end()


async def test_urgent_and_other_messages_share_the_slots(asker: BudgetReserver) -> None:
    """What was granted to urgent messages has its slots: the others get what is left, though there is budget."""
    asker.flight = InFlight(2, 1, asyncio.Event())
    allowance = await asker.ask(Due(2, NEWS, NOW))
    assert (allowance.urgent.granted, allowance.ordinary.granted) == (2, 1)


async def test_a_broadcast_leaves_room_for_urgent_messages(asker: BudgetReserver) -> None:
    """After ordinary messages have got all they can get, an urgent one goes at once."""
    assert [(await asker.ask(Due(0, NEWS, NOW))).ordinary.granted for _ in range(2)] == [5, 3]
    refused = await asker.ask(Due(0, NEWS, NOW))
    assert refused.granted == 0
    assert refused.wait is not None
    assert (await asker.ask(Due(1, NEWS, NOW))).urgent.granted == 1


@pytest.mark.parametrize("every", [0.01, 0.04, 0.13])
async def test_a_flood_of_urgent_messages_starves_nobody(asker: BudgetReserver, clock: Clock, every: float) -> None:
    """In 20 s a tenth of what goes at least is ordinary beside urgent messages without end, however seldom one asks."""
    urgent = ordinary = 0
    for _ in range(int(20 / every)):
        allowance = await asker.ask(Due(50, NEWS, NOW))
        urgent, ordinary = urgent + allowance.urgent.granted, ordinary + allowance.ordinary.granted
        clock.pass_by(every)
    assert urgent > ordinary
    assert ordinary >= (urgent + ordinary) / 10


async def test_what_is_not_used_is_given_back(asker: BudgetReserver) -> None:
    """Of each budget goes back what was reserved beyond what was claimed, and may be reserved again."""
    allowance = await asker.ask(Due(3, {"news": 5}, NOW))
    assert (allowance.urgent.granted, allowance.ordinary.granted) == (3, 5)
    await asker.give_back(allowance, [replace(claimed(1), urgent=True), claimed(2)])
    assert [(await asker.ask(Due(10, {}, NOW))).urgent.granted for _ in range(2)] == [5, 3]


async def test_a_probe_goes_alone(asker: BudgetReserver, clock: Clock) -> None:
    """The one message that tries an opened gate is the only one that is reserved, and is told apart."""
    await asker.pacer.rest(timedelta(seconds=1))
    closed = await asker.ask(Due(5, NEWS, NOW))
    assert (closed.granted, closed.wait) == (0, timedelta(seconds=1))
    clock.pass_by(1)
    probing = await asker.ask(Due(5, NEWS, NOW))
    assert (probing.urgent.granted, probing.urgent.probe, probing.ordinary.granted) == (1, True, 0)
    assert probing.of(replace(claimed(1), urgent=True)).probe
    await asker.give_back(probing, [])
    assert (await asker.ask(Due(0, NEWS, NOW))).ordinary.probe


async def test_redis_that_answers_is_told_to_health(asker: BudgetReserver) -> None:
    """A grant shows that Redis answers."""
    await asker.ask(Due(1, {}, NOW))
    assert asker.health.checks[CheckName.REDIS].status is Status.OK


async def test_two_workers_share_what_there_is(asker: BudgetReserver, redis: Redis, clock: Clock) -> None:
    """What one worker has reserved another one does not get."""
    other = BudgetReserver(paced(redis, clock), InFlight(8, 2, asyncio.Event()), asker.health, asker.metrics)
    first, second = await asker.ask(Due(0, {"news": 5}, NOW)), await other.ask(Due(0, {"news": 5}, NOW))
    assert (first.granted, second.granted) == (5, 3)
