"""A call's arguments, from wherever a client has put them."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import NoReturn
from urllib.parse import parse_qsl

from telegram.simulator.refusal import BadRequestError

Arguments = dict[str, str]
"""Every value as text, objects as JSON text: so the real server sees them too."""

FORM = "application/x-www-form-urlencoded"
TRUE_WORDS = frozenset({"true", "yes", "1"})


def read_arguments(query: bytes, content_type: str, body: bytes) -> Arguments:
    """Read the query and the body; the body wins.

    Raises:
        BadRequestError: the body is not what its content type says.

    """
    arguments = _pairs(query) if query else {}
    if body:
        arguments.update(_from_body(content_type, body))
    return arguments


def is_true(arguments: Arguments, name: str) -> bool:
    """Read a flag as the real server does: `true`, `yes` and `1` in any case are true."""
    return arguments.get(name, "").strip().lower() in TRUE_WORDS


def _from_body(content_type: str, body: bytes) -> Arguments:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _from_json(body)
    if kind == "multipart/form-data":
        return _from_multipart(content_type, body)
    if kind in (FORM, ""):
        return _pairs(body)
    return {}


def _pairs(text: bytes) -> Arguments:
    try:
        return dict(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        _refuse_encoding()


def _from_json(body: bytes) -> Arguments:
    try:
        values = json.loads(body)
    except ValueError:
        raise BadRequestError("can't parse JSON object") from None
    if not isinstance(values, dict):
        raise BadRequestError("JSON object expected")
    return {name: _as_text(value) for name, value in values.items() if value is not None}


def _as_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse_encoding()
    return text


def _from_multipart(content_type: str, body: bytes) -> Arguments:
    head = b"Content-Type: " + content_type.encode() + b"\r\n\r\n"
    arguments: Arguments = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes) and part.get_filename() is None:
            arguments[name] = _decoded(payload)
    return arguments


def _decoded(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        _refuse_encoding()


def _refuse_encoding() -> NoReturn:
    raise BadRequestError("strings must be encoded in UTF-8")
