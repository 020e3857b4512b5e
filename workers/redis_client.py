"""The client of Redis: gives up soon, for everything in Redis can be done without for a while."""

from pathlib import Path
from typing import Any

from redis.asyncio import ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from workers import sentinel_url
from workers.settings import Settings, SettingsError

TIMEOUT_S = 2.0
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def connect(settings: Settings) -> Redis:
    """Make a client of REDIS_URL; it connects when it is first used.

    Raises:
        SettingsError: it is not set, or names a file that is not there.

    """
    client: Redis = Redis.from_pool(connections(settings))
    return client


def connections(settings: Settings) -> ConnectionPool:
    """Make the connections of one client, with all that REDIS_URL says: Arq's own settings would drop the half of it.

    Raises:
        SettingsError: it is not set, or names a file that is not there.

    """
    url = settings.secret("REDIS_URL")
    if sentinel_url.names_sentinels(url):
        return _watched_over(sentinel_url.parse(url))
    return ConnectionPool(**_options(url))


def _options(url: str) -> dict[str, Any]:
    """Read what the address says; with TLS the certificate must be the host's own, which the library does not ask."""
    said: dict[str, Any] = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, **parse_url(url)}
    for name in FILES:
        if name in said and not Path(said[name]).is_file():
            raise SettingsError(f"REDIS_URL is malformed: the file of its {name} is not there")
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
