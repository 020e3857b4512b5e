"""The flight: which attempts are under way, and how many more may begin."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class InFlight:
    """Attempts under way, each a task; a few slots are for urgent ones alone, so that these never wait for others."""

    def __init__(self, slots: int, urgent_slots: int, landed: asyncio.Event) -> None:
        self._ordinary_slots = slots
        self.slots = slots + urgent_slots
        """How many attempts may be under way at once."""
        self._landed = landed
        """Set whenever one of them has ended."""
        self._urgent: set[asyncio.Task[None]] = set()
        self._ordinary: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Count the attempts under way."""
        return len(self._urgent) + len(self._ordinary)

    def room(self, *, urgent: bool, promised: int = 0) -> int:
        """Say how many more attempts may begin, besides those that are promised a slot."""
        free = self.slots - len(self) - promised
        return free if urgent else max(0, min(free, self._ordinary_slots - len(self._ordinary)))

    def start(self, attempt: Coroutine[Any, Any, None], *, urgent: bool) -> None:
        """Begin an attempt."""
        task = asyncio.create_task(attempt)
        (self._urgent if urgent else self._ordinary).add(task)
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[None]) -> None:
        self._urgent.discard(task)
        self._ordinary.discard(task)
        self._landed.set()

    async def end(self, within: float | None = None) -> int:
        """Wait until everything under way has ended, or for so many seconds; return how many were broken off then."""
        if not len(self):
            return 0
        _, late = await asyncio.wait(self._urgent | self._ordinary, timeout=within)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)
