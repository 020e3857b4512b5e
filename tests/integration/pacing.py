"""What the limiter's tests share: one bot, a clock that goes only when told to, and what really went out."""

from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from telegram.memory import MICRO
from telegram.pace import Budget, Pacer

BOT = 42
RATE = 25
BURST = 10
START = 1_790_000_000 * MICRO
ZERO = timedelta(0)


def seconds(count: float) -> timedelta:
    """Write a time as it is spoken."""
    return timedelta(seconds=count)


@dataclass
class Clock:
    """A clock that goes only when it is told to."""

    now: int = START

    def __call__(self) -> int:
        """Tell the time (µs)."""
        return self.now

    def pass_by(self, time: float | timedelta) -> None:
        """Let time pass."""
        passed = time if isinstance(time, timedelta) else timedelta(seconds=time)
        self.now += passed // timedelta(microseconds=1)


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


async def probing(pacer: Pacer, clock: Clock) -> Budget:
    """Wait until the gate opens, and take the probe."""
    clock.pass_by(await pacer.gate_remaining())
    budget = await pacer.reserve(1)
    assert budget.probe
    return budget


async def proved(pacer: Pacer, clock: Clock) -> None:
    """Wait until the gate opens, and let its probe have a clean answer."""
    await probing(pacer, clock)
    await pacer.prove()
