"""Tags of Telegram's HTML: where they begin and end, their names and attributes.

Follows the reader of the open Bot API server, whose refusals name byte offsets of the raw text.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from telegram.simulator.refusal import ParseError

START_TAGS = frozenset(
    {"a", "b", "strong", "i", "em", "s", "strike", "del", "u", "ins"}
    | {"tg-spoiler", "tg-emoji", "span", "pre", "code", "blockquote"},
)
_NAME = re.compile(r"[^ \t\r\n\v\0>]*")
_SPACE = re.compile(r"[ \t\r\n\v]*")
_ATTRIBUTE = re.compile(r"[^ \t\r\n\v\0=>/\"']*")
_END = "\0"
"""What the real server sees behind the text: a zero within it ends a tag as well."""
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_REFERENCE = re.compile(r"&(?:#x(?P<hex>[0-9a-fA-F]+)|#(?P<dec>[0-9]+)|(?P<name>lt|gt|amp|quot)(?![A-Za-z]));?")
_BEHIND_VALUE = "> \t\r\n\v\0"
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
LONGEST_REFERENCE = 10
"""Longer numeric references are taken as text."""


@dataclass(frozen=True, slots=True)
class StartTag:
    """An opened tag and the one attribute that counts for it."""

    name: str
    argument: str
    end: int
    """Where the text goes on."""


def decode_references(text: str) -> str:
    """Replace &lt; &gt; &amp; &quot; and numeric references; leave every other ampersand alone."""
    return _REFERENCE.sub(_decoded, text) if "&" in text else text


def read_start_tag(text: str, begin: int) -> StartTag:
    """Read the tag that begins at `text[begin]`.

    Raises:
        BadRequestError: no such tag exists, or it is malformed.

    """
    name_end = _skip(_NAME, text, begin + 1)
    if _peek(text, name_end) == _END:
        refuse(text, begin, "Unclosed start tag")
    name = _lower(text[begin + 1 : name_end])
    if name not in START_TAGS:
        refuse(text, begin, f'Unsupported start tag "{name}"')
    argument, at = "", name_end
    while _peek(text, at) != ">":
        at = _skip(_SPACE, text, at)
        if _peek(text, at) == ">":
            break
        attribute, value, at = _read_attribute(text, at, begin, name)
        argument = _argument(name, attribute, value) or argument
    if name == "span" and argument != "spoiler":
        refuse(text, begin, 'Tag "span" must have class "tg-spoiler"')
    return StartTag(name, argument, at + 1)


def read_end_tag(text: str, begin: int) -> tuple[str, int]:
    """Read the end tag that begins at `text[begin]`: its name and where the text goes on.

    Raises:
        BadRequestError: it is not closed.

    """
    name_end = _skip(_NAME, text, begin + 2)
    end = _skip(_SPACE, text, name_end)
    if _peek(text, end) != ">":
        refuse(text, begin, "Unclosed end tag")
    return _lower(text[begin + 2 : name_end]), end + 1


def refuse(text: str, at: int, fault: str, detail: str = "") -> NoReturn:
    """Raise the refusal that names the fault and its byte offset."""
    raise ParseError(f"{fault} at byte offset {len(text[:at].encode())}{detail}")


def _read_attribute(text: str, at: int, begin: int, tag: str) -> tuple[str, str, int]:
    name_end = _skip(_ATTRIBUTE, text, at)
    name = text[at:name_end]
    if not name:
        refuse(text, begin, f'Empty attribute name in the tag "{tag}"')
    at = _skip(_SPACE, text, name_end)
    has_value = _peek(text, at) == "="
    if has_value:
        at = _skip(_SPACE, text, at + 1)
    if _peek(text, at) == _END:
        refuse(text, begin, f'Unclosed start tag "{tag}"')
    if not has_value:
        return name, "", at
    value, at = _read_value(text, at)
    if _peek(text, at) == _END:
        refuse(text, begin, "Unclosed start tag")
    return name, value, at


def _read_value(text: str, at: int) -> tuple[str, int]:
    quote = text[at]
    if quote in "'\"":
        end = min(
            (found for found in (text.find(quote, at + 1), text.find(_END, at + 1)) if found >= 0), default=len(text)
        )
        behind = end + 1 if _peek(text, end) == quote else end
        return decode_references(text[at + 1 : end]), behind
    end = _skip(_TOKEN, text, at)
    if _peek(text, end) not in _BEHIND_VALUE:
        refuse(text, at, "Unexpected end of name token")
    return _lower(text[at:end]), end


def _argument(tag: str, attribute: str, value: str) -> str:
    match tag, attribute:
        case ("a", "href") | ("tg-emoji", "emoji-id"):
            return value
        case ("code", "class"):
            return value.removeprefix("language-") if value.startswith("language-") else ""
        case ("span", "class"):
            return value.removeprefix("tg-") if value.startswith("tg-") else ""
        case ("blockquote", "expandable"):
            return "expandable"
        case _:
            return ""


def _decoded(match: re.Match[str]) -> str:
    if match["name"]:
        return _NAMED[match["name"]]
    code = int(match["hex"], 16) if match["hex"] else int(match["dec"])
    too_long = len(match[0].rstrip(";")) >= LONGEST_REFERENCE
    return match[0] if too_long or code == 0 or code >= 0x10FFFF else chr(code)


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _peek(text: str, at: int) -> str:
    return text[at] if at < len(text) else _END


def _lower(text: str) -> str:
    """Lower the Latin letters only: the real server knows no others."""
    return text.lower() if text.isascii() else re.sub("[A-Z]", lambda match: match[0].lower(), text)
