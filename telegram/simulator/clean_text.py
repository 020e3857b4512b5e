"""The characters that Telegram takes out of a text, and what that does to the entities in it."""

import re
from bisect import bisect_left
from dataclasses import dataclass, replace

from telegram.simulator.entity import Entity, cut, utf16_length
from telegram.simulator.refusal import BadRequestError

SPACES = " \n"
LARGEST_OFFSET = 1_000_000
_REMOVED = frozenset("\r\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u0333\u033f\u030a")
"""Carriage returns, separators and directions of lines, and lines through characters."""
_CLEAN = {code: " " for code in range(32) if chr(code) != "\n"} | {ord(char): None for char in _REMOVED}
_UNEVEN = re.compile(f"[{''.join(sorted(_REMOVED))}\U00010000-\U0010ffff]")
"""Characters that go, and those of two UTF-16 units."""
_MARKS = re.compile("[\u200e\u200f]{2,}")
_BLANK = frozenset(" \n\u00a0\u1680\u180e\u202f\u205f\u2800\u3000\ufeff\ufffc") | {
    chr(n) for n in range(0x2000, 0x2010)
}
_TAGS = range(0xE0000, 0xE0080)


@dataclass(frozen=True, slots=True)
class _Ruler:
    """What stands where in a text, by UTF-16 offset."""

    removed: list[int]
    """The characters that go."""
    halves: dict[int, int]
    """The middles of surrogate pairs, and the byte offset behind each."""
    length: int

    def after(self, offset: int) -> int:
        """Give the offset in the clean text."""
        return offset - bisect_left(self.removed, offset)


def clean(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Clean the text and move the entities along.

    Raises:
        BadRequestError: an entity does not lie on the text's characters.

    """
    if entities:
        ruler = _measure(text)
        _check_halves(entities, ruler)
        _check_ends(entities, ruler)
        entities = [_moved(each, ruler) for each in entities]
    text = text.translate(_CLEAN)
    return _MARKS.sub(lambda run: "\u200c" * (len(run[0]) - 1) + run[0][-1], text), entities


def check_numbers(entities: list[Entity]) -> None:
    """Refuse offsets and lengths that no text can have.

    Raises:
        BadRequestError: names the first.

    """
    for entity in entities:
        if not 0 <= entity.offset <= LARGEST_OFFSET:
            raise BadRequestError(f"receive an entity with incorrect offset {entity.offset}")
        if not 0 <= entity.length <= LARGEST_OFFSET:
            raise BadRequestError(f"receive an entity with incorrect length {entity.length}")


def trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Take the white space off both ends; in front only as far as the first entity."""
    text = text.rstrip(SPACES)
    start = len(text) - len(text.lstrip(SPACES))
    if entities:
        start = min(start, entities[0].offset)
    return text[start:], cut(entities, start, utf16_length(text))


def is_blank(text: str) -> bool:
    """Tell whether nothing of the text can be seen."""
    return all(char in _BLANK or ord(char) in _TAGS for char in text)


def _moved(entity: Entity, ruler: _Ruler) -> Entity:
    offset = ruler.after(entity.offset)
    return replace(entity, offset=offset, length=ruler.after(entity.end) - offset)


def _measure(text: str) -> _Ruler:
    if not _UNEVEN.search(text):
        return _Ruler([], {}, len(text))
    removed: list[int] = []
    halves: dict[int, int] = {}
    offset = size = 0
    for char in text:
        size += len(char.encode(errors="surrogatepass"))
        if char in _REMOVED:
            removed.append(offset)
        if ord(char) > 0xFFFF:
            halves[offset + 1] = size
            offset += 1
        offset += 1
    return _Ruler(removed, halves, offset)


def _check_halves(entities: list[Entity], ruler: _Ruler) -> None:
    places = [(each.end, 0, each) for each in entities] + [(each.offset, 1, each) for each in entities]
    for place, begins, entity in sorted(places, key=lambda each: each[:2]):
        if place not in ruler.halves:
            continue
        behind = ruler.halves[place]
        if begins:
            raise BadRequestError(f"entity begins in a middle of a UTF-16 symbol at byte offset {behind}")
        raise BadRequestError(
            f"entity beginning at UTF-16 offset {entity.offset} ends in a middle of a UTF-16 symbol "
            f"at byte offset {behind}",
        )


def _check_ends(entities: list[Entity], ruler: _Ruler) -> None:
    for entity in entities:
        if entity.offset > ruler.length:
            raise BadRequestError(f"entity begins after the end of the text at UTF-16 offset {entity.offset}")
    for entity in reversed(entities):
        if entity.end > ruler.length:
            raise BadRequestError(
                f"entity beginning at UTF-16 offset {entity.offset} ends after the end of the text "
                f"at UTF-16 offset {entity.end}",
            )
