"""The one getUpdates call of a bot that waits, and how it ends when another comes."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from telegram.simulator.refusal import ConflictError

Gone = Callable[[float | None], Awaitable[None]]
"""Returns when the client has hung up, or so many seconds are over."""

OTHER_POLL = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_SET = "terminated by setWebhook request"
WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"

CONFLICT_PAUSE_SECONDS = 3.0
"""A conflict that comes this soon after another is told so much later, or two pollers would spin."""
SAME_OFFSET_SECONDS = 3.0
"""Who asks again from the same offset this soon waits as long: a short poll becomes a long one."""


class LongPoll:
    """What the server remembers of a bot's polling."""

    def __init__(self, *, patient: bool) -> None:
        self._patient = patient
        self._closed = False
        self._waiting: asyncio.Future[str | None] | None = None
        # Its result is the fault that ends it, or None to look again.
        self._asked: tuple[int, float] = (0, -math.inf)
        self._conflict_at = -math.inf

    @property
    def waits(self) -> bool:
        """Tell whether a call waits now."""
        return self._waiting is not None

    def seconds(self, offset: int, wanted: int) -> float:
        """Decide how long a call may wait, and remember it."""
        now = time.monotonic()
        before, asked_at = self._asked
        self._asked = (offset, now)
        too_soon = offset == before and now < asked_at + SAME_OFFSET_SECONDS
        return max(wanted, SAME_OFFSET_SECONDS) if too_soon and self._patient else wanted

    async def wait(self, seconds: float, gone: Gone) -> None:
        """End the call that waits and wait in its place: for an update, the time's end or the client's.

        Raises:
            ConflictError: another call has ended this one.

        """
        self.end(OTHER_POLL)
        if self._closed:
            return
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        client_gone = asyncio.ensure_future(gone(seconds))
        try:
            await asyncio.wait({waiting, client_gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            client_gone.cancel()
            if self._waiting is waiting:
                self._waiting = None
        if waiting.done() and (fault := waiting.result()):
            await self.refuse(fault, gone)

    async def refuse(self, fault: str, gone: Gone) -> None:
        """Answer a conflict; late, when there was one just now.

        Raises:
            ConflictError: always.

        """
        now = time.monotonic()
        if now >= self._conflict_at + CONFLICT_PAUSE_SECONDS or not self._patient:
            self._conflict_at = now
        else:
            await gone(CONFLICT_PAUSE_SECONDS)
        raise ConflictError(fault)

    def wake(self) -> None:
        """Let the call that waits look again."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def close(self) -> None:
        """Let nobody wait any more: the bot's world ends."""
        self._closed = True
        self.wake()

    def end(self, fault: str) -> None:
        """Refuse the call that waits."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(fault)
        self._waiting = None
