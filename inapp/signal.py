"""The signal that inboxes have changed: over Redis, thrown away at once, and never waited for.

Whoever misses it finds the change by looking: it only saves time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from hashlib import blake2b

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from health import get_logger

log = get_logger()

CHANNEL = "vestnik:inbox"
EVERYBODY = b"*"
"""Said instead of names when they are too many to be worth it."""
MOST_NAMED = 1_000
DIGEST_BYTES = 8
"""Two recipients with one digest cost a look in vain; whoever reads Redis learns no name."""
CLOSE_WITHIN_S = 1.0
SILENCE_S = 10.0
"""After so long without a word the listener asks Redis whether it is still there."""
SHORTEST_S, LONGEST_S = 0.05, 1.0
"""Between two tries to reach Redis."""
AWAY = (RedisError, OSError)


def digest(recipient: str) -> bytes:
    """Name a recipient on the channel."""
    return blake2b(recipient.encode(), digest_size=DIGEST_BYTES).digest()


def digests(message: bytes) -> list[bytes]:
    """Take a message apart that is not for everybody."""
    return [message[at : at + DIGEST_BYTES] for at in range(0, len(message), DIGEST_BYTES)]


class Signal:
    """Tells every API process whose inbox has changed."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: set[str] = set()
        self._everybody = False
        self._publishing: asyncio.Task[None] | None = None
        self._lost = False

    def send(self, recipients: Collection[str]) -> None:
        """Tell, after the commit, whose inbox has changed; returns at once and raises nothing.

        While one message is under way, whoever comes next is gathered into the one after it.
        """
        if len(recipients) + len(self._waiting) > MOST_NAMED:
            self._everybody = True
            self._waiting.clear()
        elif not self._everybody:
            self._waiting.update(recipients)
        if recipients and (self._publishing is None or self._publishing.done()):
            self._publishing = asyncio.create_task(self._publish())

    async def aclose(self) -> None:
        """Let what is under way arrive, but wait no longer than it is worth."""
        if self._publishing is not None:
            await asyncio.wait([self._publishing], timeout=CLOSE_WITHIN_S)
            self._publishing.cancel()

    async def _publish(self) -> None:
        while self._everybody or self._waiting:
            message = self._take()
            try:
                await self._redis.publish(CHANNEL, message)
            except AWAY as fault:
                self._note(fault)
            else:
                self._lost = False

    def _take(self) -> bytes:
        everybody, named = self._everybody, self._waiting
        self._everybody, self._waiting = False, set()
        return EVERYBODY if everybody else b"".join(map(digest, named))

    def _note(self, fault: Exception) -> None:
        if not self._lost:
            log.warning("signal_lost", error=fault)
        self._lost = True


async def listen(redis: Redis, heard: Callable[[bytes], None]) -> None:
    """Hand every message to `heard` until cancelled, and one for everybody whenever some may have been missed."""
    delay = SHORTEST_S
    while True:
        try:
            async with redis.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                _heed_cancellation()
                async for message in _messages(channel):
                    delay = SHORTEST_S
                    heard(message)
        except AWAY as fault:
            _heed_cancellation()
            if delay == SHORTEST_S:
                log.warning("signals_unheard", error=fault)
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_S)


async def _messages(channel: PubSub) -> AsyncIterator[bytes]:
    """Give what comes, first of all a message for everybody; a Redis that answers nothing ends it."""
    asked = False
    while True:
        came = await channel.get_message(timeout=SILENCE_S)
        _heed_cancellation()
        if came is not None:
            asked = False
            if came["type"] in ("subscribe", "message"):
                yield EVERYBODY if came["type"] == "subscribe" else came["data"]
        elif asked:
            raise RedisConnectionError("Redis is silent")
        else:
            await channel.ping()
            asked = True


def _heed_cancellation() -> None:
    """End a task that was cancelled while the client connected: it takes that for a timeout of its own, and goes on."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
