"""The watch for drift: compares all unread counters with what they count, a page at a time, again and again."""

import time
from dataclasses import dataclass

from inapp import drift
from outbox.database import Connection

EVERY_S = 15.0
PAGE = 500
"""Inboxes compared in one step: a million of them take a worker eight hours."""


@dataclass(slots=True)
class DriftWatch:
    """Goes through all inboxes, and knows how many have drifted."""

    at: str = drift.START
    found: int = 0
    """In this round so far."""
    before: int = 0
    """In the round before."""
    _next: float = 0.0

    @property
    def drifted(self) -> int:
        """Tell how many have drifted: what is found is known at once, what was mended after a whole round."""
        return max(self.found, self.before)

    async def step(self, conn: Connection) -> None:
        """Compare the next page, when it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        drifted, last = await drift.page(conn, self.at, PAGE)
        self.found += drifted
        if last is None:
            self.at, self.before, self.found = drift.START, self.found, 0
        else:
            self.at = last
