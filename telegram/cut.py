"""Cuts a text to a length as Telegram counts it: code points that are left when the markup is taken away."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from outbox.catalog.markup import REFERENCE, TAG, decode, to_plain
from telegram.grapheme import is_boundary

ELLIPSIS = "…"
LONGEST_WORD = 60
"""A word longer than this is cut inside; no-break spaces do not end a word."""
LONGEST_GRAPHEME = 200
"""A pile of accents higher than this is cut inside too: it is no writing, and could fill the whole message."""
BREAKS = frozenset(" \n\t\r")
TOKEN = re.compile(f"{TAG.pattern}|{REFERENCE.pattern}|.", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Token:
    """A tag, or a piece of text that must not be torn."""

    raw: str
    shown: str = ""
    opens: str | None = None
    closes: str | None = None


def visible_length(text: str, *, html: bool = True) -> int:
    """Count the code points that people see."""
    return len(to_plain(text)) if html else len(text)


def cut(text: str, longest: int, *, html: bool = True, most_bytes: int | None = None) -> str:
    """Shorten to at most `longest` visible code points and `most_bytes` raw bytes, at a word, with an ellipsis.

    Open tags are closed behind the ellipsis; neither a tag, a reference nor a grapheme is torn.
    """
    if _fits(text, longest, html=html, most_bytes=most_bytes):
        return text
    tokens = _beginning(_tokens(text) if html else map(_plain_token, text), longest)
    shown = "".join(token.shown for token in tokens)
    at = min(longest, len(shown)) - len(ELLIPSIS)
    while at >= 0:
        shorter = _until(tokens, _place(shown, at))
        if _fits(shorter, longest, html=html, most_bytes=most_bytes):
            return shorter
        at = min(at * 9 // 10, at - 1)
    return ""


def _fits(text: str, longest: int, *, html: bool, most_bytes: int | None) -> bool:
    if most_bytes is not None and len(text.encode(errors="surrogatepass")) > most_bytes:
        return False
    return len(text) <= longest or visible_length(text, html=html) <= longest


def _beginning(tokens: Iterable[_Token], longest: int) -> list[_Token]:
    """Take what shows one character more than `longest`: nothing behind it can be kept."""
    taken: list[_Token] = []
    length = 0
    for token in tokens:
        taken.append(token)
        length += len(token.shown)
        if length > longest:
            break
    return taken


def _place(shown: str, most: int) -> int:
    """Find the last good place to cut at or before `most`."""
    for at in range(most, max(most - LONGEST_WORD, 0), -1):
        if shown[at : at + 1] in BREAKS and is_boundary(shown, at):
            return _without_space(shown, at)
    for at in range(most, max(most - LONGEST_GRAPHEME, -1), -1):
        if is_boundary(shown, at):
            return at
    return most


def _without_space(shown: str, at: int) -> int:
    while at > 0 and shown[at - 1].isspace() and is_boundary(shown, at - 1):
        at -= 1
    return at


def _until(tokens: list[_Token], at: int) -> str:
    """Put the tokens together up to the visible place `at`, then the ellipsis and the tags that are still open."""
    pieces: list[str] = []
    open_tags: list[str] = []
    length = 0
    for token in tokens:
        if length + len(token.shown) > at or (length == at and token.closes is None):
            break
        length += len(token.shown)
        pieces.append(token.raw)
        if token.opens:
            open_tags.append(token.opens)
        elif token.closes and open_tags:
            open_tags.pop()
    return "".join(pieces) + ELLIPSIS + "".join(f"</{tag}>" for tag in reversed(open_tags))


def _tokens(html: str) -> Iterator[_Token]:
    for match in TOKEN.finditer(html):
        tag = match["tag"]
        if tag is None:
            reference = match["name"] or match["hex"] or match["dec"]
            yield _Token(match[0], decode(match) if reference else match[0])
        elif match["end"]:
            yield _Token(match[0], closes=tag)
        else:
            yield _Token(match[0], opens=tag)


def _plain_token(char: str) -> _Token:
    return _Token(char, char)
