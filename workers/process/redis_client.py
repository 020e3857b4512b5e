"""The client of Redis: gives up soon, for everything in Redis can be done without for a while."""

from typing import Any

from redis.asyncio import ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError

from workers.configuration import sentinel_url
from workers.configuration.settings import Settings

TIMEOUT_S = 2.0
REFUSED = (AuthenticationError, AuthorizationError, NoPermissionError)


def connect(settings: Settings) -> Redis:
    """Make a client of REDIS_URL; it connects when it is first used.

    Raises:
        SettingsError: it is not set.

    """
    client: Redis = Redis.from_pool(connections(settings))
    return client


def why(fault: BaseException) -> str:
    """Say in words what keeps us from Redis; the driver's text can hold an address."""
    return f"refused ({type(fault).__name__})" if isinstance(fault, REFUSED) else "out of reach"


def connections(settings: Settings) -> ConnectionPool:
    """Make the connections of one client, with all that REDIS_URL says: Arq's own settings ignore half of it.

    Raises:
        SettingsError: it is not set.

    """
    url = settings.secret("REDIS_URL")
    if sentinel_url.names_sentinels(url):
        return _watched_over(sentinel_url.parse(url))
    return ConnectionPool(**_options(url))


def _options(url: str) -> dict[str, Any]:
    """Read what the address says; with TLS the certificate must be the host's own, which the library does not ask."""
    said: dict[str, Any] = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, **parse_url(url)}
    if said.get("connection_class") is SSLConnection and said.get("ssl_cert_reqs") != "none":
        said.setdefault("ssl_check_hostname", True)
    return said


class _WatchedOver(SentinelConnectionPool):
    """Connections to whichever server the Sentinels name as master; closes those to the Sentinels with its own."""

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 (the library's)
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def _watched_over(address: sentinel_url.SentinelUrl) -> ConnectionPool:
    options = _options(address.master)
    for unknown in ("host", "port"):
        options.pop(unknown, None)
    options["ssl"] = options.pop("connection_class", None) is SSLConnection
    own = {name: value for name, value in options.items() if name not in {"db", "username", "password"}}
    sentinels = Sentinel(address.sentinels, sentinel_kwargs={**own, **address.login})  # type: ignore[no-untyped-call]
    return _WatchedOver(address.service, sentinels, **options)  # type: ignore[no-untyped-call]  # the library's
