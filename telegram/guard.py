"""The mass-unlink guard: when many chats are refused at once, the fault is nearly always our own."""

import time
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from telegram.redis_answer import redis_answer

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE = 0.05
"""Of the sends, how many may find that their chat is gone."""
LEAST = 20
"""Fewer refusals than this prove nothing."""
WINDOW = timedelta(minutes=5)
TELL_EVERY_SECONDS = 5.0
"""How long sends are counted here before Redis is told."""
SCRIPT = files("telegram").joinpath("guard.lua").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Watch:
    """What the guard says."""

    tripped: bool
    """Believe no refusal of a chat now."""
    just_now: bool
    """This call has made it trip: what was believed within `WINDOW` is to be taken back."""


class Guard:
    """Count sends and refused chats over all workers.

    It is forgotten with Redis: then it counts anew.
    """

    def __init__(self, redis: Redis, bot_id: int, share: float = SHARE, least: int = LEAST) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)
        self._key = f"vestnik:{{bot:{bot_id}}}:guard"
        self._share, self._least = share, least
        self._sends = 0
        self._told_at = time.monotonic()
        self._clock: Callable[[], float] | None = None
        """A test's own clock (s) in the place of Redis's."""

    async def sent(self) -> None:
        """Count a send that says nothing against its chat.

        Raises:
            PaceUnavailableError: Redis does not answer.

        """
        self._sends += 1
        if time.monotonic() - self._told_at >= TELL_EVERY_SECONDS:
            await self._tell(refusals=0)

    async def refused(self) -> Watch:
        """Count a send whose chat was refused, and tell whether that may be believed.

        Raises:
            PaceUnavailableError: Redis does not answer; believe nothing.

        """
        self._sends += 1
        return await self._tell(refusals=1)

    async def release(self) -> None:
        """Begin to count anew: a message has come through."""
        async with redis_answer():
            await self._redis.delete(self._key)

    async def _tell(self, refusals: int) -> Watch:
        sends, self._sends = self._sends, 0
        # before Redis has answered: the many sends that end meanwhile have nothing to add that could not wait
        self._told_at = time.monotonic()
        now = self._clock() if self._clock else -1
        arguments = (sends, refusals, self._share, self._least, WINDOW.total_seconds(), now)
        async with redis_answer():
            tripped, just_now = await self._script(keys=(self._key,), args=arguments)
        return Watch(bool(tripped), bool(just_now))
