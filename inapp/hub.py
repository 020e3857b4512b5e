"""The hub: knows which inboxes have open streams here, and looks for their changes all at once."""

import asyncio

from redis.asyncio import Redis

from health import Metrics
from outbox.catalog import Catalog
from outbox.database import Pool


class Hub:
    """Tells open streams that their inbox has changed."""

    def __init__(self, pool: Pool, redis: Redis, catalog: Catalog, metrics: Metrics) -> None:
        self._pool, self._redis, self._catalog, self._metrics = pool, redis, catalog, metrics

    async def run(self) -> None:
        """Listen for signals and look now and then, until cancelled."""
        await asyncio.Event().wait()
