"""The client of Redis: gives up soon, for everything in Redis can be done without for a while."""

from redis.asyncio import Redis

from workers.settings import Settings

TIMEOUT_S = 2.0


def connect(settings: Settings) -> Redis:
    """Make a client of REDIS_URL; it connects when it is first used.

    Raises:
        SettingsError: it is not set.

    """
    client: Redis = Redis.from_url(
        settings.secret("REDIS_URL"), socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )
    return client
