"""How long Redis may take, and the one error that says it did not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from telegram.error import PaceUnavailableError

ANSWER_SECONDS = 2.0
"""A limiter that hangs must not hang its worker."""


@asynccontextmanager
async def redis_answer() -> AsyncIterator[None]:
    """Give what stands in the block its time.

    Raises:
        PaceUnavailableError: Redis does not answer.

    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as fault:
        raise PaceUnavailableError(f"Redis does not answer: {type(fault).__name__}") from fault
