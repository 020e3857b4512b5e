"""The webhook as Telegram knows it, and what makes an address one that Telegram takes."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

PORTS = (443, 80, 88, 8443)
"""Where Telegram sends updates to."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """What getWebhookInfo says."""

    url: str
    """Empty: none is set, and updates wait for a poller."""
    pending: int = 0
    """Updates that wait."""
    last_error: str | None = None
    """Why Telegram could not deliver an update lately, in its own words."""
    last_error_at: datetime | None = None

    @classmethod
    def read(cls, result: object) -> Self | None:
        """Read the method's result; None where it is none."""
        if not isinstance(result, dict) or not isinstance(result.get("url"), str):
            return None
        pending, error, moment = map(result.get, ("pending_update_count", "last_error_message", "last_error_date"))
        return cls(
            url=result["url"],
            pending=pending if isinstance(pending, int) else 0,
            last_error=error if isinstance(error, str) else None,
            last_error_at=datetime.fromtimestamp(moment, UTC) if isinstance(moment, int) else None,
        )


def fault_of(url: str) -> str | None:
    """Say why Telegram would refuse an address for a webhook; None where nothing speaks against it."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return "Telegram sends updates to https addresses only"
    if (parts.port or PORTS[0]) not in PORTS:
        return f"Telegram sends updates to the ports {', '.join(map(str, sorted(PORTS)))} only"
    if not _is_public(parts.hostname or ""):
        return "Telegram cannot reach an address of a private network"
    return None


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host.strip(".")
