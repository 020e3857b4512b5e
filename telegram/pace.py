"""How many messages the bot may send now: one limiter and one gate for all workers, in Redis."""

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from telegram.error import PaceUnavailableError
from telegram.memory import MICRO, Memory
from telegram.redis_answer import redis_answer

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_TRIP = timedelta(seconds=1)
"""How long a worker holds to a trip that Redis could not be told of."""
NAME_BITS = 48
"""Of the name of a limiter's state: so many that none comes twice, so few that Lua's numbers hold it."""
SCRIPT = "".join(files("telegram").joinpath(name).read_text("utf-8") for name in ("pace_state.lua", "pace.lua"))


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
    ahead: int = 0
    """How many of them were granted before ordinary messages, which a later `give_back` needs too."""
    probe: bool = False
    """This one message tries whether a gate that has opened holds: nobody else sends until `prove`."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the script says: times in µs, the rate in millionths of a message per second."""

    granted: int
    wait: int
    gate: int
    now: int
    rate: int
    ahead: int
    probe: int
    unproved: int
    name: int


class Pacer:
    """Share one bot's rate among all workers.

    Never more than `rate * window + burst` messages in any window, whatever Redis forgets. The last
    `urgent_share` of the burst is for urgent messages alone, so that a broadcast never delays them; they
    take no more than four fifths of the rate that way, so that they starve nobody.

    A gate that has opened is tried by one message, the probe. Whoever holds it says how it went: `prove`, `flood`,
    `trip`, `rest`, `retry_probe`, or `give_back` if it was never sent; else the next asker tries after 40 s.

    Every method raises `PaceUnavailableError` if Redis does not answer: nothing may be sent then. A gate that
    could not be closed for that reason is closed as soon as Redis answers this pacer again.
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
        self._keys = (f"vestnik:{{bot:{bot_id}}}:limiter",)
        # Rounded down: rather a millionth too slow than too fast.
        self._configured = max(1, int(rate * MICRO))
        self._burst = burst
        # A burst of one has nothing to keep back: ordinary messages must still go.
        self._ordinary = max(1, burst - round(burst * urgent_share))
        self._memory = Memory(self._configured, self._configured)
        self._probe = 0
        """Redis time (µs) of the probe that this worker was granted last; 0 if it has had an end."""
        self._clock: Callable[[], int] | None = None
        """A test's own clock (µs) in the place of Redis's."""

    @property
    def rate(self) -> float:
        """Messages per second that all workers together may send, as last seen."""
        return self._memory.rate / MICRO

    async def reserve(self, want: int, *, urgent: bool = False) -> Budget:
        """Take up to `want` messages from the bot's rate."""
        answer = await self._ask("reserve", want, self._ordinary, int(urgent))
        if answer.probe:
            self._probe = answer.now
        return Budget(
            answer.granted,
            wait=timedelta(microseconds=answer.wait),
            gate=timedelta(microseconds=answer.gate),
            taken_at=answer.now,
            ahead=answer.ahead,
            probe=bool(answer.probe),
        )

    async def give_back(self, budget: Budget, unused: int) -> None:
        """Return what a budget granted and nobody sent; the older it is, the less of it counts."""
        if unused <= 0:
            return
        if budget.taken_at == self._probe:
            self._probe = 0
        await self._ask("give_back", unused, budget.taken_at, budget.ahead)

    async def owe(self, messages: int) -> None:
        """Count messages that went out without being reserved: those after them wait for it.

        What is owed beyond a burst is forgotten with Redis, and beyond a minute and a burst at once.
        """
        if messages > 0:
            await self._ask("owe", messages)

    async def flood(self, lane: int, delay: timedelta, *, bot_wide: bool) -> bool:
        """Note a 429; tell whether it closes the bot's gate, because it or two lanes within 5 s say so.

        A gate that was open is closed with half the rate, which then grows by 1/s for each clean 30 s.
        """
        asked = self._now()
        try:
            answer = await self._ask("flood", lane, _micro(delay), int(bot_wide), self._probe or -1)
        except PaceUnavailableError:
            if bot_wide:
                self._memory.close_gate(asked, _micro(delay), halve=True)
            raise
        return bool(answer.granted)

    async def trip(self) -> timedelta:
        """Close the gate for an outage: 1 s, then 2, 4, ... 60 until a probe is proved; return how long it stays so."""
        answer = await self._close("trip", FIRST_TRIP)
        return timedelta(microseconds=answer.gate)

    async def rest(self, delay: timedelta) -> None:
        """Stop all of the bot's messages for so long; a gate that is closed for longer stays so."""
        if delay > timedelta(0):
            await self._close("rest", delay, _micro(delay))

    async def prove(self) -> None:
        """Let all go again: the probe that this worker holds had a clean answer."""
        await self._end_probe("prove")

    async def retry_probe(self) -> None:
        """Let the next asker probe: the probe that this worker holds has shown nothing."""
        await self._end_probe("retry_probe")

    async def ease(self) -> None:
        """Cut the rate by a tenth at an early sign of throttling, at most once every 5 s over all workers."""
        await self._ask("ease")

    async def gate_remaining(self) -> timedelta:
        """Say how long the bot's gate stays closed; zero if it is open."""
        return timedelta(microseconds=(await self._ask("look")).gate)

    async def _close(self, verb: str, delay: timedelta, *own: int) -> _Answer:
        asked = self._now()
        try:
            return await self._ask(verb, *own)
        except PaceUnavailableError:
            self._memory.close_gate(asked, _micro(delay))
            raise

    async def _end_probe(self, verb: str) -> None:
        if self._probe:
            probe, self._probe = self._probe, 0
            await self._ask(verb, probe)

    async def _ask(self, verb: str, *own: int) -> _Answer:
        # From before the call: counted from the answer, the gate would grow by each round trip.
        asked = self._now()
        clock = self._clock() if self._clock else 0
        head = (verb, self._configured, self._burst, secrets.randbits(NAME_BITS) | 1, clock)
        told = self._memory.told(asked)
        async with redis_answer():
            answer = _Answer(*await self._script(keys=self._keys, args=(*head, *told, *own)))
        # A gate that could not be closed meanwhile is none that this answer knows of.
        if self._memory.name or not told[0]:
            self._memory.learn(asked, answer.name, answer.gate, answer.rate, unproved=bool(answer.unproved))
        return answer

    def _now(self) -> int:
        return self._clock() if self._clock else time.monotonic_ns() // 1000


def _micro(delay: timedelta) -> int:
    return delay // timedelta(microseconds=1)
