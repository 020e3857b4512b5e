"""Gathering: what many streams ask in one moment becomes few statements."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from health import get_logger
from inapp.notification import Changes, changes
from outbox.catalog.load import Catalog
from outbox.database.connection import OUT_OF_REACH, Pool
from outbox.person import forgotten

log = get_logger()

AT_ONCE = 500
"""Recipients in one statement."""
SIDE_BY_SIDE = 2
"""Statements at a time: the next batch is read while one is rendered, and the endpoints keep their connections."""
WITHIN_S = 5.0
"""A statement that takes longer has failed: heartbeats wait for it."""


@dataclass(frozen=True, slots=True)
class News:
    """What a stream may tell, if its token is not from before the person was forgotten."""

    changes: Changes
    forgotten_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Ask:
    recipient: str
    since: int
    answer: asyncio.Future[News | None]


class ChangeBatcher:
    """Answers what has changed in inboxes, for all who ask."""

    def __init__(self, pool: Pool, catalog: Catalog) -> None:
        self._pool, self._catalog = pool, catalog
        self._waiting: deque[_Ask] = deque()
        self._working: set[asyncio.Task[None]] = set()

    async def ask(self, recipient: str, since: int) -> News | None:
        """Tell what has changed in an inbox since a version; None: PostgreSQL does not answer now."""
        ask = _Ask(recipient, since, asyncio.get_running_loop().create_future())
        self._waiting.append(ask)
        if len(self._working) < SIDE_BY_SIDE:
            work = asyncio.create_task(self._work())
            self._working.add(work)
            work.add_done_callback(self._working.discard)
        return await ask.answer

    async def _work(self) -> None:
        """Answer until nobody waits; the task begins after all who were woken in the same turn have asked."""
        while self._waiting:
            asks = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            for ask, news in zip(asks, await self._look_up(asks), strict=True):
                if not ask.answer.done():  # whoever has gone has cancelled it
                    ask.answer.set_result(news)

    async def _look_up(self, asks: Sequence[_Ask]) -> Sequence[News | None]:
        try:
            async with asyncio.timeout(WITHIN_S), self._pool.acquire() as conn:
                found = await changes(conn, self._catalog, [(ask.recipient, ask.since) for ask in asks])
                # in a later statement: what is of a new life of the person is not for tokens of the old one
                erased = await forgotten.among(conn, [ask.recipient for ask in asks])
        except (*OUT_OF_REACH, asyncpg.PostgresError) as fault:
            log.warning("streams_unanswered", error=fault, streams=len(asks))
            return [None] * len(asks)
        return [News(one, erased.get(one.recipient)) for one in found]
