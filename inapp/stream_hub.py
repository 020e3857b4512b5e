"""The hub: knows which inboxes have open streams here, and looks for their changes all at once."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from redis.asyncio import Redis

from health import Metrics, get_logger
from inapp.change_batcher import ChangeBatcher
from inapp.inbox_version import versions
from inapp.open_stream import OpenStream
from inapp.signal import EVERYBODY, digest, digests, listen
from outbox.catalog.load import Catalog
from outbox.database.connection import Pool

log = get_logger()

LOOK_EVERY_S = 1.0
"""Every inbox with a stream is looked at this often: a lost signal costs no more."""
AT_ONCE = 1_000
"""Inboxes in one look."""
WITHIN_S = 5.0
"""A look that takes longer has failed."""
HEARTBEAT_S = 15.0
"""A stream says something at least this often, so that nobody in between takes it for dead."""
MOST_STREAMS = 50
"""Streams that one recipient may have open here: tabs and phones, not a program gone wild."""


class Hub:
    """Tells open streams that their inbox has changed."""

    def __init__(self, pool: Pool, redis: Redis, catalog: Catalog, metrics: Metrics) -> None:
        self._pool, self._redis, self._metrics = pool, redis, metrics
        self.gathering = ChangeBatcher(pool, catalog)
        """Answers what a stream asks."""
        self.heartbeat_s = HEARTBEAT_S
        self.closed = False
        self._streams: dict[bytes, list[OpenStream]] = {}
        """By the digest of the recipient; two recipients may share one."""
        self._named: set[bytes] = set()
        """Whom signals have named since the last look."""
        self._heard = asyncio.Event()
        self._blind = False
        """The last look has failed."""

    def is_full(self, recipient: str) -> bool:
        """Tell whether a recipient has as many streams as they may have."""
        return len(self._of(recipient)) >= MOST_STREAMS

    @contextmanager
    def joined(self, stream: OpenStream) -> Iterator[None]:
        """Look after a stream for as long as the block lasts."""
        place = digest(stream.recipient)
        self._streams.setdefault(place, []).append(stream)
        self._metrics.inbox_streams.inc()
        try:
            yield
        finally:
            self._metrics.inbox_streams.dec()
            self._streams[place].remove(stream)
            if not self._streams[place]:
                del self._streams[place]

    def close(self) -> None:
        """End every stream; none begins any more."""
        self.closed = True
        for streams in self._streams.values():
            for stream in streams:
                stream.end()

    async def run(self) -> None:
        """Listen for signals and look now and then, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(listen(self._redis, self._hear))
                tasks.create_task(self._look_on())
        finally:
            self.close()

    def _hear(self, message: bytes) -> None:
        named = self._streams if message == EVERYBODY else filter(self._streams.__contains__, digests(message))
        self._named.update(named)
        if self._named:
            self._heard.set()

    async def _look_on(self) -> None:
        """Look at whom a signal names as soon as it does, and at everybody now and then."""
        loop = asyncio.get_running_loop()
        all_at = loop.time()
        while True:
            if loop.time() >= all_at:
                self._named.update(self._streams)
                all_at = loop.time() + LOOK_EVERY_S
            named, self._named = self._named, set()
            self._heard.clear()
            if await self._look([stream for place in named for stream in self._streams.get(place, ())]):
                await self._wait(all_at)
            else:
                await asyncio.sleep(LOOK_EVERY_S)

    async def _wait(self, until: float) -> None:
        """Wait for a signal, but no longer than until then (the loop's time)."""
        try:
            async with asyncio.timeout_at(until):
                await self._heard.wait()
        except TimeoutError:
            return

    async def _look(self, streams: Sequence[OpenStream]) -> bool:
        """Tell streams the versions of their inboxes; False: PostgreSQL did not."""
        before: dict[str, int] = {}
        for stream in streams:
            before[stream.recipient] = max(stream.version, before.get(stream.recipient, 0))
        recipients = list(before)
        try:
            for start in range(0, len(recipients), AT_ONCE):
                some = recipients[start : start + AT_ONCE]
                async with asyncio.timeout(WITHIN_S), self._pool.acquire() as conn:
                    found = await versions(conn, some)
                self._note({recipient: (before[recipient], found.get(recipient, 0)) for recipient in some})
        except Exception as fault:  # noqa: BLE001 (whatever it was: the streams stay open, and the next look tells)
            if not self._blind:
                log.warning("inboxes_unseen", error=fault)
            self._blind = True
            return False
        self._blind = False
        return True

    def _note(self, found: Mapping[str, tuple[int, int]]) -> None:
        """Tell streams what was known before a look, and what it found."""
        for recipient, (before, now) in found.items():
            for stream in self._of(recipient):
                if now < before:
                    # versions never go back: it is another inbox, for the person was forgotten
                    stream.end()
                else:
                    stream.note(now)

    def _of(self, recipient: str) -> list[OpenStream]:
        return [stream for stream in self._streams.get(digest(recipient), ()) if stream.recipient == recipient]
