"""What Telegram takes for a link, and how it writes it."""

import ipaddress
import re
from dataclasses import dataclass
from typing import NoReturn

from telegram.simulator.entity import Entity
from telegram.simulator.json_field import LARGEST_LONG, SMALLEST_LONG
from telegram.simulator.refusal import BadRequestError, ParseError

_PROTOCOL = re.compile(r"([^:/?#@\[\]]*)://")
_OWN_PROTOCOL = re.compile(r"(tg|tonsite|ton):(?://)?", re.IGNORECASE)
_ADDRESS = re.compile(r"[^/?#]*")
_PART = r"(?:[A-Za-z0-9.\-_!$,~*'();&+={extra}]|[^\x00-\x7f]|%[0-9a-fA-F]{{2}})*"
_HOST = re.compile(_PART.format(extra=""))
_USERINFO = re.compile(_PART.format(extra=":"))
_OWN_HOST = re.compile(r"[A-Za-z0-9_-]*")
_SITE_HOST = re.compile(r"[A-Za-z0-9_.-]*")
_SERVER_HOST = re.compile(r"\[[0-9a-f:.]+\]|[^.]+(?:\.[^.]+)+")
_OWN_QUERY = re.compile(r"tg:(?://)?(?P<host>[^/?#]*)/?(?P<query>\?[^#]*)?.*", re.IGNORECASE | re.DOTALL)
_SPACES = " \t\r\n\0\v"
_LARGEST_PORT = 65_535
_LARGEST_USER = 2**40 - 1
_NO_EMOJI = "Invalid custom emoji identifier specified"


class WrongLinkError(Exception):
    """A text that is no link; the message is the wire's reason."""


@dataclass(frozen=True, slots=True)
class _Url:
    """A link in its parts, as the real server takes it apart."""

    protocol: str
    userinfo: str
    host: str
    port: str
    rest: str
    """Begins with a slash."""

    @property
    def is_ipv6(self) -> bool:
        """Tell an address in brackets from a name."""
        return self.host.startswith("[")


def checked_link(text: str) -> str:
    """Complete a link as Telegram does: protocol, lower-case host, a slash after it.

    Raises:
        WrongLinkError: the Bot API server itself refuses it.

    """
    own = _OWN_PROTOCOL.match(text)
    if own is not None:
        return _checked_own_link(own[1].lower(), text[own.end() :])
    url = _read_url(text)
    if "." not in url.host and not url.is_ipv6:
        raise WrongLinkError("Wrong HTTP URL")
    before = f"{url.userinfo}@" if url.userinfo else ""
    return f"{url.protocol}://{before}{url.host}{url.port}{url.rest}"


def check_secure(text: str) -> None:
    """Refuse all but HTTPS, as for Web Apps.

    Raises:
        WrongLinkError: it is no link, or another one.

    """
    own = _OWN_PROTOCOL.match(text)
    url = _read_url(text[own.end() :] if own else text)
    if own or url.protocol != "https":
        raise WrongLinkError("Only HTTPS links are allowed")


def check_button_link(link: str) -> None:
    """Refuse what passes the Bot API server but not Telegram behind it: empty labels.

    Raises:
        BadRequestError: BUTTON_URL_INVALID.

    """
    if not _OWN_PROTOCOL.match(link) and not _SERVER_HOST.fullmatch(_read_url(link).host):
        raise BadRequestError("BUTTON_URL_INVALID")


def link_entity(link: str, offset: int, length: int) -> Entity:
    """Give the entity that a link in markup becomes: a mention or a link.

    Raises:
        WrongLinkError: it is no link.

    """
    user = mentioned_user(link)
    if user is not None:
        return Entity("text_mention", offset, length, str(user))
    return Entity("text_link", offset, length, checked_link(link))


def mentioned_user(link: str) -> int | None:
    """Read the user out of a tg://user?id=… link."""
    match = _OWN_QUERY.fullmatch(link)
    if match is None or match["host"].lower() != "user":
        return None
    number = _strict_number(_query_value(match["query"], "id") or "")
    return number if number is not None and 0 < number <= _LARGEST_USER else None


def custom_emoji_id(link: str) -> str:
    """Read the emoji out of a tg://emoji?id=… link.

    Raises:
        BadRequestError: it names none.

    """
    match = _OWN_QUERY.fullmatch(link)
    if match is None:
        raise ParseError("Custom emoji URL must have scheme tg")
    if match["host"].lower() != "emoji":
        raise ParseError('Custom emoji URL must have host "emoji"')
    number = _query_value(match["query"], "id")
    if number is None:
        raise ParseError("Custom emoji URL must have an emoji identifier")
    return checked_emoji_id(number)


def checked_emoji_id(number: str) -> str:
    """Check the number of a custom emoji.

    Raises:
        BadRequestError: it is no 64-bit number, or zero.

    """
    if not _strict_number(number):
        raise ParseError(_NO_EMOJI)
    return number


def _checked_own_link(protocol: str, rest: str) -> str:
    url = _read_url(rest)
    plain = url.protocol == "http" and not rest.lower().startswith("http://")
    if not plain or url.userinfo or url.port or url.is_ipv6:
        raise WrongLinkError("Wrong tg URL" if protocol == "tg" else "Wrong ton URL")
    if not (_SITE_HOST if protocol == "tonsite" else _OWN_HOST).fullmatch(url.host):
        raise WrongLinkError("Unallowed characters in URL host")
    query = url.rest[1:] if url.rest.startswith("/?") else url.rest
    return f"{protocol}://{url.host}{query}"


def _read_url(text: str) -> _Url:
    protocol, begin = "http", 0
    if match := _PROTOCOL.match(text):
        protocol, begin = match[1].lower(), match.end()
        if protocol not in ("http", "https"):
            _refuse("Unsupported URL protocol")
    address = _ADDRESS.match(text, begin)
    end = address.end() if address else begin
    userinfo_host, port = _split_port(text[begin:end])
    userinfo, _, host = userinfo_host.rpartition("@")
    host = _lower(host)
    _check_host(host)
    if not host.startswith("["):
        _check_part(_HOST, host, "host")
        _check_part(_USERINFO, userinfo, "userinfo")
    return _Url(protocol, userinfo, host, port, _completed(text[end:]))


def _split_port(address: str) -> tuple[str, str]:
    """Give what stands before the port, and the port with its colon."""
    at = max(address.rfind(":"), address.rfind("]"), address.rfind("@"))
    if at <= 0 or address[at] != ":":
        return address, ""
    number = address[at + 1 :].lstrip("0")
    if not (number.isascii() and number.isdigit() and int(number) <= _LARGEST_PORT):
        _refuse("Wrong port number specified in the URL")
    return address[:at], f":{number}"


def _check_host(host: str) -> None:
    if host.startswith("[") and host.endswith("]"):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            _refuse("Wrong IPv6 address specified in the URL")
    if not host:
        _refuse("URL host is empty")
    if host == ".":
        _refuse("Host is invalid")


def _check_part(pattern: re.Pattern[str], part: str, name: str) -> None:
    match = pattern.match(part)
    end = match.end() if match else 0
    if end < len(part):
        fault = "Wrong percent-encoded symbol" if part[end] == "%" else "Disallowed character"
        _refuse(f"{fault} in URL {name}")


def _completed(rest: str) -> str:
    rest = rest.rstrip(_SPACES)
    if not rest.startswith("/"):
        rest = f"/{rest}"
    return "".join(char if char > " " else f"%{ord(char):02X}" for char in rest)


def _query_value(query: str | None, name: str) -> str | None:
    for pair in (query or "").removeprefix("?").split("&"):
        key, _, value = pair.partition("=")
        if key.lower() == name:
            return value
    return None


def _strict_number(text: str) -> int | None:
    """Read a 64-bit number that is written as it would be written back."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text and SMALLEST_LONG <= number <= LARGEST_LONG else None


def _lower(text: str) -> str:
    """Lower the Latin letters only: the real server knows no others."""
    return text.lower() if text.isascii() else re.sub("[A-Z]", lambda match: match[0].lower(), text)


def _refuse(fault: str) -> NoReturn:
    raise WrongLinkError(fault)
