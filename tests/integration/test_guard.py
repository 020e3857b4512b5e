"""The mass-unlink guard on a real Valkey: when refusals of chats are believed, and when they are not."""

import asyncio

import pytest
from redis.asyncio import Redis

from telegram import Guard, PaceUnavailableError
from telegram.guard import TELL_EVERY_SECONDS

BOT = 42


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """Tell the time (s)."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


def guard_of(redis: Redis, clock: Clock, share: float = 0.05) -> Guard:
    """Make one worker's guard."""
    guard = Guard(redis, BOT, share)
    guard._clock = clock
    return guard


@pytest.fixture
async def redis(redis_url: str) -> Redis:
    """Connect to the test's Valkey."""
    made: Redis = Redis.from_url(redis_url)
    return made


async def refuse(guard: Guard, times: int) -> list[bool]:
    """Let so many chats be refused; give whether the guard had tripped at each."""
    return [(await guard.refused()).tripped for _ in range(times)]


async def test_nineteen_refusals_are_believed(redis: Redis, clock: Clock) -> None:
    """Fewer than 20 prove nothing, even if all sends are refused."""
    assert await refuse(guard_of(redis, clock), 19) == [False] * 19


async def test_the_twentieth_trips_it(redis: Redis, clock: Clock) -> None:
    """20 refusals that are over 5 % of the sends trip it, and it stays so."""
    guard = guard_of(redis, clock)
    assert await refuse(guard, 22) == [False] * 19 + [True] * 3


async def test_only_one_call_is_told_that_it_has_just_tripped(redis: Redis, clock: Clock) -> None:
    """Of all workers exactly one takes back what was believed."""
    guards = [guard_of(redis, clock) for _ in range(4)]
    told = [await guards[number % 4].refused() for number in range(40)]
    assert [number for number, watch in enumerate(told, 1) if watch.just_now] == [20]


async def test_a_twentieth_of_the_sends_may_be_refused(redis: Redis, clock: Clock) -> None:
    """One refusal for each 20 sends never trips it: people do leave."""
    guard = guard_of(redis, clock)
    for _ in range(60):
        for _ in range(19):
            await guard.sent()
        assert not (await guard.refused()).tripped


async def test_sends_that_end_together_tell_redis_once(redis: Redis, clock: Clock) -> None:
    """When it is time to tell Redis, one of the sends that end while it answers does, and their number is not lost."""
    guard, other = guard_of(redis, clock), guard_of(redis, clock)
    await guard.refused()
    before = await calls(redis)
    guard._told_at -= TELL_EVERY_SECONDS
    await asyncio.gather(*(guard.sent() for _ in range(380)))
    assert await calls(redis) == before + 1
    await guard.refused()
    # 20 refusals among 400 sends are a twentieth
    assert await refuse(other, 18) == [False] * 18


async def calls(redis: Redis) -> int:
    """Count the calls of scripts."""
    stats: dict[str, dict[str, int]] = await redis.info("commandstats")
    return sum(stats[name]["calls"] for name in ("cmdstat_eval", "cmdstat_evalsha") if name in stats)


async def test_the_sends_of_all_workers_count(redis: Redis, clock: Clock) -> None:
    """What other workers have sent stands against the refusals that one of them meets."""
    busy, unlucky = guard_of(redis, clock), guard_of(redis, clock)
    for _ in range(1_000):
        await busy.sent()
    await busy.refused()
    assert await refuse(unlucky, 30) == [False] * 30


async def test_refusals_are_forgotten_after_five_minutes(redis: Redis, clock: Clock) -> None:
    """Only the last 5 minutes count."""
    guard = guard_of(redis, clock)
    await refuse(guard, 19)
    clock.now += 311
    assert await refuse(guard, 19) == [False] * 19


async def test_refusals_within_five_minutes_add_up(redis: Redis, clock: Clock) -> None:
    """They need not come at once."""
    guard = guard_of(redis, clock)
    await refuse(guard, 10)
    clock.now += 200
    assert await refuse(guard, 10) == [False] * 9 + [True]


async def test_a_message_that_comes_through_releases_it(redis: Redis, clock: Clock) -> None:
    """After the release counting begins anew."""
    guard = guard_of(redis, clock)
    await refuse(guard, 25)
    await guard.release()
    assert await refuse(guard, 20) == [False] * 19 + [True]


async def test_a_share_of_one_switches_it_off(redis: Redis, clock: Clock) -> None:
    """Whoever knows that many people have left may say so."""
    assert not any(await refuse(guard_of(redis, clock, share=1), 200))


async def test_without_redis_it_says_so(clock: Clock) -> None:
    """Nothing is believed of a chat while the others' sends are not known."""
    gone = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=1)
    with pytest.raises(PaceUnavailableError):
        await guard_of(gone, clock).refused()
