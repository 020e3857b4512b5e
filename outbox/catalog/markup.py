"""The markup of texts: the HTML that Telegram takes, and how it becomes plain text."""

import re
from enum import StrEnum

TAGS = "a|b|blockquote|code|del|em|i|ins|pre|s|span|strike|strong|tg-emoji|tg-spoiler|u"
_ATTRIBUTE = r"""\s+[a-z-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))?"""
TAG = re.compile(rf"<(?P<end>/?)(?P<tag>{TAGS})(?:{_ATTRIBUTE})*\s*>", re.IGNORECASE)
REFERENCE = re.compile(r"&(?:#x(?P<hex>[0-9a-f]{1,6})|#(?P<dec>[0-9]{1,7})|(?P<name>lt|gt|amp|quot));", re.IGNORECASE)
GAP = re.compile(r"[ \t\r\n\v\f\x85\u2028\u2029]+")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_LAST_CODE_POINT = 0x10FFFF


class Markup(StrEnum):
    """What a rendered text may contain."""

    HTML = "html"
    """Tags of the texts' author; everything from a payload is escaped."""
    PLAIN = "plain"
    """Characters that mean themselves."""


def one_line(text: str) -> str:
    """Join the lines and narrow each gap to one space; no-break spaces hold a number and its unit together."""
    return GAP.sub(" ", text).strip()


def decode(reference: re.Match[str]) -> str:
    """Give the character that a reference stands for; one that stands for none is left as it is."""
    if reference["name"]:
        return _NAMED[reference["name"].lower()]
    code = int(reference["hex"], 16) if reference["hex"] else int(reference["dec"])
    return chr(code) if 0 < code <= _LAST_CODE_POINT else reference[0]


def to_plain(html: str) -> str:
    """Take the tags away and put characters for the references."""
    return REFERENCE.sub(decode, TAG.sub("", html))
