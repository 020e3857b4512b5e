"""What Telegram takes for a link, and how it writes it."""

import re

from telegram.simulator.refusal import BadRequestError

_LINK = re.compile(
    r"(?:(?P<protocol>[^:/?#]*)://)?(?:[^/?#@]*@)?"
    r"(?P<host>\[[0-9a-fA-F:.]*\]|[^/?#:]*)(?P<port>:\d+)?(?P<rest>[/?#].*)?",
    re.DOTALL,
)
_HOST = re.compile(r"\[[0-9a-fA-F:.]+\]|[^\s\"'<>]*\.[^\s\"'<>]*")
_SERVER_HOST = re.compile(r"\[[0-9a-fA-F:.]+\]|[^.]+(?:\.[^.]+)+")
_USER = re.compile(r"tg://user\?id=(\d+)", re.IGNORECASE)
OWN_PROTOCOLS = ("tg", "ton", "tonsite")


class WrongLinkError(Exception):
    """A text that is no link; the message is the wire's reason."""


def checked_link(text: str) -> str:
    """Complete a link as Telegram does: protocol, lower-case host, a slash after it.

    Raises:
        WrongLinkError: the Bot API server itself refuses it.

    """
    text = text.strip()
    match = _LINK.fullmatch(text)
    if match is None:
        raise WrongLinkError("Wrong HTTP URL")
    protocol = (match["protocol"] or "http").lower()
    if protocol in OWN_PROTOCOLS:
        return text
    if protocol not in ("http", "https"):
        raise WrongLinkError("Unsupported URL protocol")
    if not match["host"]:
        raise WrongLinkError("URL host is empty")
    if not _HOST.fullmatch(match["host"]):
        raise WrongLinkError("Wrong HTTP URL")
    return f"{protocol}://{match['host'].lower()}{match['port'] or ''}{_rest(match['rest'])}"


def check_button_link(link: str) -> None:
    """Refuse what passes the Bot API server but not Telegram behind it: white space, empty labels.

    Raises:
        BadRequestError: BUTTON_URL_INVALID.

    """
    match = _LINK.fullmatch(link)
    host = match["host"] if match else ""
    own = link.startswith(tuple(f"{protocol}://" for protocol in OWN_PROTOCOLS))
    if re.search(r"\s", link) or not (own or _SERVER_HOST.fullmatch(host)):
        raise BadRequestError("BUTTON_URL_INVALID")


def mentioned_user(link: str) -> int | None:
    """Read the user out of a tg://user?id=… link."""
    match = _USER.fullmatch(link)
    return int(match[1]) if match else None


def _rest(rest: str | None) -> str:
    if not rest:
        return "/"
    return rest if rest.startswith("/") else f"/{rest}"
