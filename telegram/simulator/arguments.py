"""A call's arguments, from wherever a client has put them."""

import zlib
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from telegram.simulator.json_argument import read_json_arguments

Arguments = dict[str, str]
"""Every value as text, objects as JSON text: so the real server sees them too.

Bytes that are no UTF-8 are kept as lone surrogates, and refused where the text is looked at.
"""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"
TRUE_WORDS = frozenset({"true", "yes", "1"})
PACKED = (b"gzip", b"deflate")
EITHER_WRAPPING = zlib.MAX_WBITS + 32
"""zlib's word for: look yourself whether it is gzip or zlib."""
UNKNOWN_BYTES = "surrogateescape"


class UnreadableError(Exception):
    """A body that the real server answers with a status and no word."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def unpacked(encoding: bytes, body: bytes) -> bytes:
    """Unpack a body that was sent packed.

    Raises:
        UnreadableError: it is packed in an unknown way, or damaged.

    """
    if not encoding or not body:
        return body
    if encoding.lower() not in PACKED:
        raise UnreadableError(415)
    try:
        return zlib.decompress(body, EITHER_WRAPPING)
    except zlib.error:
        raise UnreadableError(400) from None


def read_arguments(query: bytes, content_type: str, body: bytes) -> Arguments:
    """Read the query and the body; what comes first wins.

    Raises:
        UnreadableError: a multipart body without a boundary.

    """
    return _from_body(content_type, body) | _pairs(query)


def is_true(arguments: Arguments, name: str) -> bool:
    """Read a flag as the real server does: `true`, `yes` and `1` in any case are true."""
    return arguments.get(name, "").strip().lower() in TRUE_WORDS


def is_unicode(text: str) -> bool:
    """Tell whether the text has no bytes, and no half characters, that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_body(content_type: str, body: bytes) -> Arguments:
    """Read the body; one of another type, or of none, is no argument."""
    kind = content_type.lower()
    if not body:
        return {}
    if MULTIPART in kind:
        return _from_multipart(content_type, body)
    if FORM in kind:
        return _pairs(body)
    if JSON in kind:
        return read_json_arguments(body.decode(errors=UNKNOWN_BYTES))
    return {}


def _pairs(text: bytes) -> Arguments:
    if not text:
        return {}
    pairs = parse_qsl(text.decode(errors=UNKNOWN_BYTES), keep_blank_values=True, errors=UNKNOWN_BYTES)
    return _first_ones(pairs)


def _from_multipart(content_type: str, body: bytes) -> Arguments:
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.get_boundary():
        raise UnreadableError(400)
    pairs = []
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes) and part.get_filename() is None:
            pairs.append((name, payload.decode(errors=UNKNOWN_BYTES)))
    return _first_ones(pairs)


def _first_ones(pairs: list[tuple[str, str]]) -> Arguments:
    return dict(reversed(pairs))
