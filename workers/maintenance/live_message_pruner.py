"""The sweep: takes away live messages that no later event will edit."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from outbox.catalog.event_type import COLLAPSE_WITHIN
from outbox.catalog.load import Catalog
from outbox.database.connection import Connection
from outbox.recording import live_message

EVERY_S = 60.0
PAGE = 10_000
"""Rows looked at in one step: in the order of the table's key, so that it needs no index of its own."""


def longest_life(catalog: Catalog) -> timedelta:
    """Tell how long after it was sent a message may still be edited."""
    return max([known.collapse_within for known in catalog.types.values() if known.collapse_key] or [COLLAPSE_WITHIN])


@dataclass(slots=True)
class LiveMessagePruner:
    """Goes through all live messages, a page a minute, again and again."""

    at: tuple[int, str] = field(default=live_message.START)
    _next: float = 0.0

    async def step(self, conn: Connection, catalog: Catalog) -> None:
        """Take the next page, when it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_S
        self.at = await live_message.prune(conn, self.at, longest_life(catalog), PAGE)
