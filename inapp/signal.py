"""The signal that inboxes have changed: over Redis, thrown away at once, and never waited for.

Whoever misses it finds the change by looking: it only saves time.
"""

from collections.abc import Collection

from redis.asyncio import Redis

CHANNEL = "vestnik:inbox"


class Signal:
    """Tells every API process whose inbox has changed."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def send(self, recipients: Collection[str]) -> None:
        """Tell, after the commit, whose inbox has changed; returns at once and raises nothing."""
        raise NotImplementedError
