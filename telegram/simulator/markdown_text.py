"""Telegram's MarkdownV2 turned into text and entities.

Follows the reader of the open Bot API server, whose refusals name byte offsets of the raw text.
"""

import re

from telegram.simulator.entity import VERBATIM, Entity, in_order, utf16_length
from telegram.simulator.link import WrongLinkError, custom_emoji_id, link_entity
from telegram.simulator.markdown_code import read_code_start
from telegram.simulator.markdown_mark import ENDS, STARTS, Open
from telegram.simulator.refusal import ParseError

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!\n")
_RESERVED_IN_CODE = frozenset("`")
_ORDINARY = re.compile(r"[^_*\[\]()~`>#+\-=|{}.!\n\r\\]+")
_LINE_END = "\n"
_ESCAPABLE = range(1, 127)


def parse_markdown_v2(source: str) -> tuple[str, list[Entity]]:
    """Take the marks out of `source` and give what they say as entities.

    Raises:
        BadRequestError: "can't parse entities: …", worded as the real server does.

    """
    reader = _Reader(source)
    reader.read()
    return "".join(reader.chunks), in_order(reader.entities)


class _Reader:
    """Walks from mark to mark."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.chunks: list[str] = []
        self.offset = 0
        self.entities: list[Entity] = []
        self.open: list[Open] = []
        self.in_quote = False
        self.quote_may_start = True

    def read(self) -> None:
        while self.at < len(self.source):
            if not self._take_text():
                self._take_mark(self.source[self.at])
        if self.in_quote:
            self._end_last_quote()
        if self.open:
            self._refuse_open(self.open[-1])

    def _take_text(self) -> bool:
        """Take a run of ordinary characters, an escaped one, or one that is not reserved here."""
        run = _ORDINARY.match(self.source, self.at)
        if run is not None:
            self._put(run[0])
            self.quote_may_start = False
            self.at = run.end()
            return True
        char, following = self.source[self.at], self._peek(1)
        if char == "\\" and ord(following) in _ESCAPABLE:
            self._take_character(following, quote_may_start=following == _LINE_END)
            self.at += 2
            return True
        verbatim = bool(self.open) and self.open[-1].kind in VERBATIM
        if char in (_RESERVED_IN_CODE if verbatim else _RESERVED):
            return False
        self._take_character(char, quote_may_start=False)
        self.at += 1
        return True

    def _take_character(self, char: str, *, quote_may_start: bool) -> None:
        self._put(char)
        # A carriage return is no character of the line: a quote may still start behind it.
        if char != "\r":
            self.quote_may_start = quote_may_start

    def _take_mark(self, char: str) -> None:
        if self._ends_quote(char):
            self._end_quote()
        elif self.open and self._ends(self.open[-1]):
            self._end(self.open.pop())
        elif char == _LINE_END:
            self._take_character(char, quote_may_start=True)
            self.at += 1
        elif char == ">" and self.quote_may_start:
            self._start_quote()
        else:
            self._start(char)

    def _start_quote(self) -> None:
        if not self.in_quote:
            self.open.append(self._opened("blockquote"))
            self.in_quote = True
        self.at += 1

    def _start(self, char: str) -> None:
        start = next((each for each in STARTS if self.source.startswith(each[0], self.at)), None)
        if start is None:
            raise ParseError(f"Character '{char}' is reserved and must be escaped with the preceding '\\'")
        mark, kind = start
        language, end = "", self.at + len(mark)
        if kind == "pre":
            language, end = read_code_start(self.source, end)
        self.open.append(self._opened(kind, language))
        self.at = end

    def _ends_quote(self, char: str) -> bool:
        return self.in_quote and char == _LINE_END and bool(self.open) and self._peek(1) != ">"

    def _ends(self, opened: Open) -> bool:
        if opened.kind == "blockquote":
            return False
        if opened.kind == "italic" and self._peek(1) == "_":
            return False
        return self.source.startswith(ENDS[opened.kind], self.at)

    def _end(self, opened: Open) -> None:
        length = self.offset - opened.offset
        match opened.kind:
            case "text_link":
                entity = self._link(opened, length)
            case "custom_emoji":
                emoji_id = self._emoji_id()
                entity = Entity(opened.kind, opened.offset, length, emoji_id)
            case kind:
                self.at += len(ENDS[kind])
                entity = Entity(kind, opened.offset, length, opened.language)
        if length and entity is not None:
            self.entities.append(entity)

    def _link(self, opened: Open, length: int) -> Entity | None:
        if self._peek(1) == "(":
            link = self._read_link("a URL")
        else:
            link = "".join(self.chunks[opened.first_chunk :])
            self.at += 1
        try:
            return link_entity(link, opened.offset, length)
        except WrongLinkError:
            # The real server shows the text without a link and says nothing.
            return None

    def _emoji_id(self) -> str:
        if self._peek(1) != "(":
            raise ParseError("Custom emoji entity must contain a tg://emoji URL")
        return custom_emoji_id(self._read_link("a custom emoji URL"))

    def _read_link(self, what: str) -> str:
        """Read `](…)`, with escapes, and go behind it."""
        begin = at = self.at + 2
        link = []
        while at < len(self.source) and self.source[at] != ")":
            if self.source[at] == "\\" and at + 1 < len(self.source) and ord(self.source[at + 1]) in _ESCAPABLE:
                at += 1
            link.append(self.source[at])
            at += 1
        if at == len(self.source):
            raise ParseError(f"Can't find end of {what} at byte offset {self._bytes(begin)}")
        self.at = at + 1
        return "".join(link)

    def _end_quote(self) -> None:
        """End the quote at the end of its line; a spoiler that has just begun there makes it expandable."""
        opened, kind = self.open.pop(), "blockquote"
        if opened.kind != kind:
            if not self._is_expander(opened):
                self._refuse_open(opened)
            opened, kind = self.open.pop(), "expandable_blockquote"
        if opened.kind != "blockquote":
            self._refuse_open(opened)
        self._take_character(_LINE_END, quote_may_start=True)
        self.at += 1
        self.in_quote = False
        self.entities.append(Entity(kind, opened.offset, self.offset - opened.offset))

    def _is_expander(self, opened: Open) -> bool:
        if opened.kind != "spoiler":
            return False
        return self.source[opened.at + 2 : self.at] in ("", "\r")

    def _end_last_quote(self) -> None:
        kind = "blockquote"
        last = self.open[-1]
        if last.kind == "spoiler" and last.at == len(self.source) - 2:
            self.open.pop()
            kind = "expandable_blockquote"
        if self.open[-1].kind == "blockquote":
            opened = self.open.pop()
            if self.offset > opened.offset:
                self.entities.append(Entity(kind, opened.offset, self.offset - opened.offset))

    def _opened(self, kind: str, language: str = "") -> Open:
        return Open(kind, self.at, self.offset, len(self.chunks), language)

    def _put(self, text: str) -> None:
        self.chunks.append(text)
        self.offset += utf16_length(text)

    def _peek(self, distance: int) -> str:
        at = self.at + distance
        return self.source[at] if at < len(self.source) else "\0"

    def _bytes(self, at: int) -> int:
        return len(self.source[:at].encode())

    def _refuse_open(self, opened: Open) -> None:
        raise ParseError(f"Can't find end of {opened.name} entity at byte offset {self._bytes(opened.at)}")
