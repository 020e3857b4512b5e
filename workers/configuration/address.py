"""What addresses and the bot's token must look like, said before a driver reads them: its words can quote a secret."""

import os
import re
from urllib.parse import parse_qsl, urlsplit

from outbox.database.pgbouncer import plain
from workers.configuration import sentinel_url

SHAPES = {
    "database_url": (re.compile(r"postgres(ql)?://"), "it must begin with postgresql://"),
    "redis_url": (
        re.compile(r"(rediss?(\+sentinel)?|unix)://"),
        "it must begin with redis://, rediss:// or unix://, or with redis+sentinel://",
    ),
    "telegram_bot_token": (re.compile(r"\d+:[A-Za-z0-9_-]+$"), "it must look like 123456:ABC-def"),
}
"""What each begins with, and the words for one that does not."""

FILES = {"sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
"""Parameters by which the addresses of PostgreSQL and Redis name files."""


def require_shape(name: str, text: str) -> None:
    """Refuse what cannot be it; nothing at all is not set, and no fault here.

    Raises:
        ValueError: the message shows nothing of the text.

    """
    shape, words = SHAPES[name]
    if text and not shape.match(text):
        raise ValueError(words)
    if name == "database_url":
        plain(text)
    if name != "telegram_bot_token":
        _require_ports(text)
        _require_files(text)
    if sentinel_url.names_sentinels(text):
        sentinel_url.parse(text)


def _require_ports(url: str) -> None:
    """Refuse an address that is cut off in its password: whoever tries to read it would quote that."""
    hosts = urlsplit(url).netloc.rpartition("@")[2]
    for host in hosts.split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not port.isdecimal():
            raise ValueError("its host has no port that is a number; is a slash in the password written as %2F?")


def _require_files(url: str) -> None:
    """Refuse an address that names a certificate or a key which cannot be read: the driver calls that an outage."""
    for name, path in parse_qsl(urlsplit(url).query):
        if name in FILES and not os.access(path, os.R_OK):
            raise ValueError(f"the file of its {name} is not there, or cannot be read")
