"""Telegram's old Markdown turned into text and entities: no nesting, few escapes, kept for old bots."""

from telegram.simulator.entity import Entity, in_order, utf16_length
from telegram.simulator.link import WrongLinkError, link_entity
from telegram.simulator.markdown_code import read_code_start
from telegram.simulator.refusal import ParseError

_KINDS = {"_": "italic", "*": "bold", "`": "code", "[": "text_link"}
_BLOCK = "```"


def parse_markdown(source: str) -> tuple[str, list[Entity]]:
    """Take the marks out of `source` and give what they say as entities.

    Raises:
        BadRequestError: "can't parse entities: …", worded as the real server does.

    """
    reader = _Reader(source)
    while reader.at < len(source):
        reader.step()
    return "".join(reader.chunks), in_order(reader.entities)


class _Reader:
    """Walks from mark to mark."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.chunks: list[str] = []
        self.offset = 0
        self.entities: list[Entity] = []

    def step(self) -> None:
        char = self.source[self.at]
        if char == "\\" and self.source[self.at + 1 : self.at + 2] in _KINDS:
            self._put(self.source[self.at + 1])
            self.at += 2
        elif char in _KINDS:
            self._take_entity(char)
        else:
            self._put(char)
            self.at += 1

    def _take_entity(self, mark: str) -> None:
        begin, kind, language = self.at, _KINDS[mark], ""
        end_mark = "]" if mark == "[" else mark
        self.at += 1
        if self.source.startswith(_BLOCK, begin):
            kind, end_mark = "pre", _BLOCK
            language, self.at = read_code_start(self.source, begin + len(_BLOCK))
        end = self.source.find(end_mark, self.at)
        if end < 0:
            at = len(self.source[:begin].encode())
            raise ParseError(f"Can't find end of the entity starting at byte offset {at}")
        text, offset = self.source[self.at : end], self.offset
        self._put(text)
        self.at = end + len(end_mark)
        if not text:
            return
        if kind == "text_link":
            self._add_link(text, offset)
        else:
            self.entities.append(Entity(kind, offset, self.offset - offset, language))

    def _add_link(self, text: str, offset: int) -> None:
        link = text
        if self.source.startswith("(", self.at):
            end = self.source.find(")", self.at)
            # The real server takes a link without its bracket to the end of the text.
            end = len(self.source) if end < 0 else end
            link, self.at = self.source[self.at + 1 : end], end + 1
        try:
            self.entities.append(link_entity(link, offset, self.offset - offset))
        except WrongLinkError:
            return

    def _put(self, text: str) -> None:
        self.chunks.append(text)
        self.offset += utf16_length(text)
