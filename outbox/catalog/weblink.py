"""Addresses of web pages: what a text's link template gives, made whole and checked."""

import re
from urllib.parse import urlsplit

UNUSABLE = re.compile(r"[\s\x00-\x1f\x7f\\<>\"]")
"""What no written address has, and what browsers and Telegram read in ways of their own."""
LONGEST = 2048


def complete(address: str, base_url: str | None) -> str | None:
    """Put a path after the base; None where this gives no web address.

    Without a base a path stays a path, which is good enough for a page of the application itself.
    """
    address = address.strip()
    if len(address) > LONGEST or UNUSABLE.search(address):
        return None
    if not address.startswith("/"):
        return address if is_web(address) else None
    if base_url is not None:
        return base_url.rstrip("/") + address
    # two slashes begin the address of another site
    return None if address.startswith("//") else address


def is_web(address: str) -> bool:
    """Tell whether it is a whole http or https address with a host."""
    if UNUSABLE.search(address):
        return False
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket too few
        return False
