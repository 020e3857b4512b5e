"""REDIS_URL that names Sentinels: `redis+sentinel://user:password@host:port,host:port/service/db?option=value`."""

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

SUFFIX = "+sentinel"
PORT = 26379
OWN_OPTIONS = {"sentinel_username": "username", "sentinel_password": "password"}
"""How to log in to the Sentinels themselves: option of the address, and its name at one of them."""


class SentinelUrl(NamedTuple):
    """Where the Sentinels are, and what they watch over."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    """The name by which the Sentinels know the master."""
    master: str
    """An address with all of the master's that is no matter of its place: login, database, TLS."""
    login: dict[str, str]
    """How to log in to the Sentinels."""


def names_sentinels(url: str) -> bool:
    """Tell whether the address is one of Sentinels."""
    return urlsplit(url).scheme.endswith(SUFFIX)


def parse(url: str) -> SentinelUrl:
    """Read such an address.

    Raises:
        ValueError: it names no service, or a database that is no number.

    """
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service or not hosts:
        raise ValueError("it must be like redis+sentinel://host:26379,host:26379/service/0")
    if database and not database.isdecimal():
        raise ValueError("its database must be a number")
    options = dict(parse_qsl(parts.query))
    login = {name: options.pop(option) for option, name in OWN_OPTIONS.items() if option in options}
    scheme = parts.scheme.removesuffix(SUFFIX)
    master = f"{scheme}://{user}{at}master/{database or 0}?{urlencode(options)}"
    return SentinelUrl(tuple(_place(host) for host in hosts.split(",")), unquote(service), master, login)


def _place(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError("one of its hosts has no name")
    return parts.hostname, parts.port or PORT
