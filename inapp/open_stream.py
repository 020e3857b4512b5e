"""A stream: one open connection to one inbox, and how far it has told what is there."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from inapp.session import Session

NOW = 2**63 - 1
"""The version of whoever has seen nothing and wants nothing of the past: ahead of every inbox."""


@dataclass(slots=True, eq=False)
class OpenStream:
    """Knows what its client has; there is no queue, so whoever reads slowly gets everything in one event.

    `async with stream` is its life: it ends the block, whatever that waits for, when the token expires or on `end`.
    """

    session: Session
    since: int = NOW
    """Version that the client has."""
    told: bool = False
    """Something was told: `since` is a version that the inbox has had."""
    version: int = 0
    """Newest version that the inbox is known to have had; 0 while nothing is known."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _life: asyncio.Timeout | None = None

    def __post_init__(self) -> None:
        self._news.set()  # the first event waits for nothing

    async def __aenter__(self) -> Self:
        left = self.session.expires_at - datetime.now(UTC)
        self._life = asyncio.timeout(left.total_seconds())
        await self._life.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool:
        life, self._life = self._life, None
        if life is not None:
            with suppress(TimeoutError):
                await life.__aexit__(kind, fault, trace)
        return life is not None and life.expired()

    @property
    def recipient(self) -> str:
        """Name the one whose inbox it is."""
        return self.session.recipient

    @property
    def behind(self) -> bool:
        """Tell whether there is something to tell."""
        return not self.told or self.version > self.since

    def note(self, version: int) -> None:
        """Take notice of the version of its inbox; whoever waits goes on if there is something to tell."""
        self.version = max(self.version, version)
        if self.behind:
            self._news.set()

    def tell(self, version: int) -> None:
        """Note that the client gets what there is up to this version."""
        self.told, self.since = True, version
        self.version = max(self.version, version)

    async def wait(self, seconds: float) -> bool:
        """Wait until there may be something to tell; False: there was nothing for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def end(self) -> None:
        """End it, also while its client takes nothing."""
        if self._life is not None and not self._life.expired():
            self._life.reschedule(asyncio.get_running_loop().time())
