"""Arguments in a JSON body, read as the real server reads them: up to the first fault, without a word about it."""

import json
import re

_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")


def read_json_arguments(body: str) -> dict[str, str]:
    """Give the object's fields as texts: what is no string, null too, as it is written."""
    arguments: dict[str, str] = {}
    at = _after_space(body, 0)
    if body[at : at + 1] != "{":
        return arguments
    at += 1
    try:
        while not body.startswith("}", at := _after_space(body, at)):
            at = _read_field(body, at, arguments)
    except ValueError:
        return arguments
    return arguments


def _read_field(body: str, at: int, arguments: dict[str, str]) -> int:
    """Read one field and the comma behind it; of two of a name the first counts."""
    name, at = _DECODER.raw_decode(body, at)
    at = _expect(body, _after_space(body, at), ":")
    begin = _after_space(body, at)
    value, end = _DECODER.raw_decode(body, begin)
    if not isinstance(name, str):
        raise ValueError(name)  # noqa: TRY004  the same fault as any other in the body
    arguments.setdefault(name, value if isinstance(value, str) else body[begin:end])
    at = _after_space(body, end)
    return at if body.startswith("}", at) else _expect(body, at, ",")


def _expect(body: str, at: int, char: str) -> int:
    if not body.startswith(char, at):
        raise ValueError(char)
    return at + 1


def _after_space(body: str, at: int) -> int:
    match = _SPACE.match(body, at)
    return match.end() if match else at
