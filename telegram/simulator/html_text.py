"""Telegram's HTML turned into text and entities."""

import re
from dataclasses import dataclass, replace

from telegram.simulator.entity import Entity, in_order, utf16_length
from telegram.simulator.html_tag import decode_references, read_end_tag, read_start_tag, refuse
from telegram.simulator.link import WrongLinkError, checked_emoji_id, link_entity
from telegram.simulator.refusal import ParseError

_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
}
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Open:
    """A tag that waits for its end."""

    name: str
    argument: str
    offset: int
    first_chunk: int


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Take the tags out of `source` and give what they say as entities.

    Raises:
        BadRequestError: "can't parse entities: …", worded as the real server does.

    """
    reader = _Reader(source)
    reader.read()
    text = "".join(reader.chunks)
    if _SURROGATE.search(text):
        raise ParseError(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units",
        )
    return text, in_order([_without_lone_language(each) for each in reader.entities])


class _Reader:
    """Walks from tag to tag."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.chunks: list[str] = []
        self.entities: list[Entity] = []
        self.open: list[_Open] = []
        self.offset = 0

    def read(self) -> None:
        at = 0
        while (begin := self.source.find("<", at)) >= 0:
            self._take_text(self.source[at:begin])
            at = self._close(begin) if self.source.startswith("</", begin) else self._start(begin)
        self._take_text(self.source[at:])
        if self.open:
            name = self.open[-1].name
            raise ParseError(f'Can\'t find end tag corresponding to start tag "{name}"')

    def _take_text(self, raw: str) -> None:
        if raw:
            text = decode_references(raw)
            self.chunks.append(text)
            self.offset += utf16_length(text)

    def _start(self, begin: int) -> int:
        tag = read_start_tag(self.source, begin)
        self.open.append(_Open(tag.name, tag.argument, self.offset, len(self.chunks)))
        return tag.end

    def _close(self, begin: int) -> int:
        if not self.open:
            refuse(self.source, begin, "Unexpected end tag")
        name, end = read_end_tag(self.source, begin)
        tag = self.open[-1]
        if name not in ("", tag.name):
            detail = f', expected "</{tag.name}>", found "</{name}>"'
            refuse(self.source, begin, "Unmatched end tag", detail)
        self.open.pop()
        if self.offset > tag.offset:
            self._add(tag)
        return end

    def _add(self, tag: _Open) -> None:
        length = self.offset - tag.offset
        match tag.name:
            case "a":
                self._add_link(tag, length)
            case "pre" | "code":
                self._add_verbatim(tag, length)
            case "tg-emoji":
                self.entities.append(Entity("custom_emoji", tag.offset, length, checked_emoji_id(tag.argument)))
            case "blockquote":
                kind = "expandable_blockquote" if tag.argument else "blockquote"
                self.entities.append(Entity(kind, tag.offset, length))
            case name:
                self.entities.append(Entity(_TYPES[name], tag.offset, length))

    def _add_link(self, tag: _Open, length: int) -> None:
        link = tag.argument or "".join(self.chunks[tag.first_chunk :])
        try:
            self.entities.append(link_entity(link, tag.offset, length))
        except WrongLinkError:
            # The real server shows the text without a link and says nothing.
            return

    def _add_verbatim(self, tag: _Open, length: int) -> None:
        inner = self.entities[-1] if self.entities else None
        if inner is not None and (inner.offset, inner.length) == (tag.offset, length):
            language = {("pre", "code"): inner.argument, ("code", "pre"): tag.argument}.get((tag.name, inner.type), "")
            if language:
                self.entities[-1] = Entity("pre", tag.offset, length, language)
                return
        self.entities.append(Entity(tag.name, tag.offset, length, tag.argument))


def _without_lone_language(entity: Entity) -> Entity:
    """Forget the language of code that lies in no block."""
    return replace(entity, argument="") if entity.type == "code" else entity
