"""The watch for drift: compares all unread counters with what they count, a page at a time, again and again."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from inapp import unread_drift
from outbox.database.connection import Connection

EVERY_S = 15.0
ABANDONED_S = 60.0
"""A watcher that has not been seen for so long has ended."""
PAGE = 500
"""Inboxes compared in one step: a million of them take eight hours."""


@dataclass(frozen=True, slots=True)
class AuditRound:
    """How the watch fares, for all workers to know. It names no recipient: only the watcher knows where it is."""

    watcher: str = ""
    """The one worker that watches."""
    stepped_at: float = 0.0
    """Its newest step, in the database's Unix time."""
    found: int = 0
    """In this round so far."""
    before: int = 0
    """In the round before."""

    @property
    def drifted(self) -> int:
        """Tell how many have drifted: what is found is known at once, what was mended after a whole round."""
        return max(self.found, self.before)


def of(content: Mapping[str, Any]) -> AuditRound:
    """Read a round, which may be one of another version."""
    known = {one.name for one in fields(AuditRound)}
    return AuditRound(**{name: value for name, value in content.items() if name in known})


@dataclass(slots=True)
class UnreadAudit:
    """Goes through all inboxes, as long as no other worker does."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    at: str = unread_drift.START

    async def step(self, conn: Connection, seen: AuditRound, now: float) -> AuditRound:
        """Compare the next page, when it is time and nobody else's."""
        age = abs(now - seen.stepped_at)
        if seen.watcher == self.name:
            if age < EVERY_S:
                return seen
        elif age < ABANDONED_S:
            return seen
        else:
            self.at, seen = unread_drift.START, replace(seen, found=0)
        drifted, last = await unread_drift.page(conn, self.at, PAGE)
        self.at = last or unread_drift.START
        found = seen.found + drifted
        whole = last is None
        return AuditRound(self.name, now, found=0 if whole else found, before=found if whole else seen.before)
