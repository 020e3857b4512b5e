"""What came back for one request to the Bot API, before anyone judges it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

SECONDS = re.compile("[0-9]{1,9}")
"""A `Retry-After` in seconds; the other form, a date, is not used here."""
BIGINT = 2**63
"""What no id reaches, and no column of ours could hold."""


class Phase(StrEnum):
    """How far a request got."""

    CONNECTING = "connecting"
    """No byte of it had left: nothing can have arrived."""
    SENT = "sent"
    """It had left, and no answer came back: nobody can say whether it arrived."""
    ANSWERED = "answered"
    """An HTTP status came back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`ok: true`: Telegram has done it."""

    result: object = field(default=None, repr=False)
    """The raw result; left out of the repr, since it holds the message's text and the chat."""

    @property
    def message_id(self) -> int | None:
        """Read the sent message's id, None where the result is not a message."""
        return _integer(self.result.get("message_id")) if isinstance(self.result, dict) else None


@dataclass(frozen=True, slots=True)
class Refused:
    """`ok: false`: Telegram says why not."""

    status: int
    description: str = field(default="", repr=False)
    """Telegram's words; left out of the repr, since they may quote the message."""
    retry_after: int | None = None
    """Seconds to wait, from the answer's parameters."""
    migrate_to_chat_id: int | None = None
    retry_header: int | None = None
    """Seconds to wait, from the `Retry-After` header."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """An HTTP status with a body that is no Bot API answer: a proxy's page, or half an answer."""

    status: int
    retry_header: int | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """No connection: no name, refused, TLS failed, timed out before the request left."""

    fault: str
    """The fault's class name; its text may hold the URL, and so the token."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection broke or timed out after the request had left."""

    fault: str


Answer = Taken | Refused | Undecodable | NotSent | Lost


def phase_of(answer: Answer) -> Phase:
    """Say how far the request of this answer got."""
    match answer:
        case NotSent():
            return Phase.CONNECTING
        case Lost():
            return Phase.SENT
        case _:
            return Phase.ANSWERED


def status_label(answer: Answer) -> str:
    """Name the answer for a metric's label: the HTTP status, `not_sent` or `lost`."""
    match answer:
        case Taken():
            return str(HTTPStatus.OK.value)
        case Refused(status=status) | Undecodable(status=status):
            return str(status)
        case NotSent():
            return "not_sent"
        case Lost():
            return "lost"


def read_answer(status: int, body: bytes, retry_header: str | None = None) -> Answer:
    """Read the Bot API's envelope; whatever is not one is `Undecodable`."""
    wait = int(retry_header) if retry_header and SECONDS.fullmatch(retry_header) else None
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return Undecodable(status, wait)
    if not isinstance(envelope, dict):
        return Undecodable(status, wait)
    if envelope.get("ok") is False:
        return _read_refusal(status, envelope, wait)
    if envelope.get("ok") is True and is_success(status):
        return Taken(envelope.get("result"))
    return Undecodable(status, wait)


def is_success(status: int) -> bool:
    """Tell whether an HTTP status is a 2xx."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _read_refusal(status: int, envelope: Mapping[str, object], wait: int | None) -> Refused:
    parameters = envelope.get("parameters")
    given = parameters if isinstance(parameters, dict) else {}
    description = envelope.get("description")
    return Refused(
        # A proxy may rewrite the HTTP status; the body's code is Telegram's own.
        status=_integer(envelope.get("error_code")) or status,
        description=description if isinstance(description, str) else "",
        retry_after=_integer(given.get("retry_after")),
        migrate_to_chat_id=_integer(given.get("migrate_to_chat_id")),
        retry_header=wait,
    )


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) < BIGINT else None
