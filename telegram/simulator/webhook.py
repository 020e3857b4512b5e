"""Where a bot wants its updates sent to, and what the server says to the address."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from telegram.simulator.arguments import is_unicode
from telegram.simulator.refusal import BadRequestError

DEFAULT_CONNECTIONS = 40
MOST_CONNECTIONS = 100
OPEN_PORTS = frozenset({80, 88, 443, 8443})
DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_SECRET = 256
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(slots=True)
class Webhook:
    """One address and what became of the last attempts to reach it."""

    url: str
    """As the bot has given it."""
    address: str = ""
    """The same, complete."""
    secret_token: str = ""
    max_connections: int = DEFAULT_CONNECTIONS
    ip_address: str = ""
    """What getWebhookInfo tells; the address itself is found by the host's name."""
    last_error_date: int = 0
    last_error: str = ""

    def note_error(self, text: str, now: float) -> None:
        """Remember why an update could not be brought."""
        self.last_error, self.last_error_date = text, int(now)

    def same_as(self, other: "Webhook | None") -> bool:
        """Tell whether setting the other changes nothing."""
        return other is not None and _wish(self) == _wish(other)


def checked_secret(token: str) -> str:
    """Check what comes back in X-Telegram-Bot-Api-Secret-Token.

    Raises:
        BadRequestError: too long, or a character that is not allowed.

    """
    if len(token.encode()) > LONGEST_SECRET:
        raise BadRequestError("secret token is too long")
    if not _SECRET.fullmatch(token):
        raise BadRequestError("secret token contains unallowed characters")
    return token


def checked_address(url: str) -> str:
    """Complete and check an address. Unlike Telegram, take this machine's own: over plain HTTP and on any port.

    Raises:
        BadRequestError: Telegram would not go there.

    """
    split = _split(url)
    host = split.hostname or ""
    if is_loopback(host):
        return split.geturl()
    if split.scheme != "https":
        raise _bad("An HTTPS URL must be provided for webhook")
    if (split.port or DEFAULT_PORTS[split.scheme]) not in OPEN_PORTS:
        raise _bad("Webhook can be set up only on ports 80, 88, 443 or 8443")
    _check_host(host)
    return split.geturl()


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult:
    if not is_unicode(url) or re.search(r"\s", url):
        raise _invalid_url()
    try:
        split = urlsplit(url if "://" in url else f"https://{url}")
        port = split.port
    except ValueError:
        raise _invalid_url() from None
    if split.scheme not in DEFAULT_PORTS or not split.hostname or port == 0:
        raise _invalid_url()
    return split


def _check_host(host: str) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # Other names are not looked up: what is answered must not depend on the network the simulator runs in.
        if "." not in host or host.endswith((".invalid", ".")):
            raise _bad("Failed to resolve host: Name or service not known") from None
        return
    if address.version != 4:
        raise _bad("IPv6-only addresses are not allowed")
    if not address.is_global:
        raise _bad(f"IP address {address} is reserved")


def _wish(webhook: Webhook) -> tuple[str, str, int, str]:
    return webhook.url, webhook.secret_token, webhook.max_connections, webhook.ip_address


def _invalid_url() -> BadRequestError:
    return BadRequestError("invalid webhook URL specified")


def _bad(fault: str) -> BadRequestError:
    return BadRequestError(f"bad webhook: {fault}")
