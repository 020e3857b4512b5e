"""How many messages the bot may send now: one limiter and one gate for all workers, in Redis."""

import asyncio
import math
import time
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from telegram.error import PaceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_SECONDS = 2.0
"""How long Redis may take; a limiter that hangs must not hang its worker."""
MICRO = 1_000_000
SCRIPT = files("telegram").joinpath("pace.lua").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Budget:
    """How many messages may go now, all or some of those wanted."""

    granted: int
    wait: timedelta
    """When to ask for the rest; zero if all were granted."""
    gate: timedelta = timedelta(0)
    """How long the bot's gate stays closed; zero if it is open."""
    taken_at: int = 0
    """Redis time of the grant (µs), which a later `give_back` needs."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the script says: numbers in µs."""

    granted: int
    wait: int
    gate: int
    now: int


class Pacer:
    """Share one bot's rate among all workers.

    Never more than `rate * window + burst` messages in any window, whatever Redis forgets. The last
    `urgent_share` of the burst is for urgent messages alone, so that a broadcast never delays them.
    """

    def __init__(
        self,
        redis: Redis,
        bot_id: int,
        rate: float,
        burst: int,
        urgent_share: float = 0.2,
    ) -> None:
        self._script = redis.register_script(SCRIPT)
        slot = f"vestnik:{{bot:{bot_id}}}"
        self._keys = (f"{slot}:pace", f"{slot}:gate")
        # Rounded up: rather a millionth too slow than too fast.
        self._interval = math.ceil(MICRO / rate)
        self._burst = burst
        # A burst of one has nothing to keep back: ordinary messages must still go.
        self._ordinary = max(1, burst - round(burst * urgent_share))
        self._clock: Callable[[], int] | None = None
        """A test's own clock (µs) in the place of Redis's."""
        self._gate_ends = 0.0

    async def reserve(self, want: int, *, urgent: bool = False) -> Budget:
        """Take up to `want` messages from the bot's rate.

        Raises:
            PaceUnavailableError: Redis does not answer; nothing may be sent.

        """
        answer = await self._ask("reserve", want, self._burst if urgent else self._ordinary)
        return Budget(
            answer.granted,
            wait=timedelta(microseconds=answer.wait),
            gate=timedelta(microseconds=answer.gate),
            taken_at=answer.now,
        )

    async def give_back(self, budget: Budget, unused: int) -> None:
        """Return what a budget granted and nobody sent; the older it is, the less of it counts."""
        if unused > 0:
            await self._ask("give_back", unused, budget.taken_at)

    async def close_gate(self, delay: timedelta) -> None:
        """Stop all of the bot's messages for so long; a gate that is closed for longer stays so."""
        self._remember(self._seconds(), delay.total_seconds())
        await self._ask("look")

    async def gate_remaining(self) -> timedelta:
        """Say how long the bot's gate stays closed; zero if it is open."""
        return timedelta(microseconds=(await self._ask("look")).gate)

    async def _ask(self, verb: str, *own: int) -> _Answer:
        # From before the call: counted from the answer, the gate would grow by each round trip.
        asked = self._seconds()
        clock = self._clock() if self._clock else 0
        head = (verb, self._interval, self._burst, self._remembered(asked), clock)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = _Answer(*await self._script(keys=self._keys, args=(*head, *own)))
        except (RedisError, OSError, TimeoutError) as fault:
            raise PaceUnavailableError(f"Redis does not answer: {type(fault).__name__}") from fault
        self._remember(asked, answer.gate / MICRO)
        return answer

    def _remember(self, now: float, gate_seconds: float) -> None:
        if gate_seconds > 0:
            self._gate_ends = max(self._gate_ends, now + gate_seconds)

    def _remembered(self, now: float) -> int:
        return max(0, int((self._gate_ends - now) * MICRO))

    def _seconds(self) -> float:
        return self._clock() / MICRO if self._clock else time.monotonic()
