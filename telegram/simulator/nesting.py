"""Which entities may lie in one another, and how Telegram splits those that may not."""

from dataclasses import replace
from itertools import pairwise

from telegram.simulator.entity import QUOTES, STYLES, VERBATIM, Entity, in_order

MOST_ENTITIES = 100
"""More are dropped; custom emoji do not count."""
_END_OF_TEXT = 2**31


def nested(entities: list[Entity]) -> list[Entity]:
    """Give entities that nest: styles are split at what they cross, of others that cross the first stays."""
    entities = in_order([each for each in entities if each.length > 0])
    if all(before.end < each.offset for before, each in pairwise(entities)):
        # Apart as most are: the rest costs more than all other checks of a message.
        return entities
    quotes = _apart([each for each in entities if each.type in QUOTES])
    solid = _apart([each for each in entities if each.type not in STYLES and each.type not in QUOTES])
    around = in_order([each for each in solid if not _crosses(each, quotes)] + quotes)
    styles = [each for each in entities if each.type in STYLES]
    return in_order(around + _Splitter(styles).split(around)) if styles else around


def limited(entities: list[Entity]) -> list[Entity]:
    """Drop what is more than a message may have, styles first."""
    counted = [each for each in entities if each.type not in STYLES and each.type != "custom_emoji"]
    counted += [each for each in entities if each.type in STYLES]
    dropped = set(counted[MOST_ENTITIES:])
    return [each for each in entities if each not in dropped] if dropped else entities


def _apart(entities: list[Entity]) -> list[Entity]:
    """Keep those that begin behind the one kept before."""
    kept: list[Entity] = []
    for entity in entities:
        if not kept or entity.offset >= kept[-1].end:
            kept.append(entity)
    return kept


def _crosses(entity: Entity, quotes: list[Entity]) -> bool:
    """Tell whether the entity lies partly in the next quote, or around it."""
    quote = next((each for each in quotes if each.end > entity.offset), None)
    if quote is None:
        return False
    return quote.end < entity.end or entity.offset < quote.offset < entity.end


class _Splitter:
    """Walks over the text with the styles that hold at each point."""

    def __init__(self, styles: list[Entity]) -> None:
        self.styles = styles
        self.next = 0
        self.held: dict[str, Entity] = {}
        self.parts: list[Entity] = []

    def split(self, around: list[Entity]) -> list[Entity]:
        open_around: list[Entity] = []
        for entity in around:
            self._go_to(entity.offset, open_around)
            open_around.append(entity)
        self._go_to(_END_OF_TEXT, open_around)
        return in_order(self.parts)

    def _go_to(self, offset: int, open_around: list[Entity]) -> None:
        while open_around and offset >= open_around[-1].end:
            ended = open_around.pop()
            known = len(self.parts)
            self._take_until(ended.end)
            if ended.type in VERBATIM:
                del self.parts[known:]
        self._take_until(offset)

    def _take_until(self, end: int) -> None:
        while self.next < len(self.styles) and self.styles[self.next].offset < end:
            self._take(self.styles[self.next])
            self.next += 1
        self._give(end)

    def _take(self, style: Entity) -> None:
        held = self.held.get(style.type)
        if held is not None and style.offset <= held.end:
            self.held[style.type] = replace(held, length=max(held.end, style.end) - held.offset)
        else:
            self._give(style.offset)
            self.held[style.type] = style

    def _give(self, offset: int) -> None:
        """Put down what each held style covers up to `offset`."""
        for kind in STYLES:
            held = self.held.get(kind)
            if held is None or held.offset >= offset:
                continue
            if held.end <= offset:
                self.parts.append(self.held.pop(kind))
            else:
                self.parts.append(replace(held, length=offset - held.offset))
                self.held[kind] = replace(held, offset=offset, length=held.end - offset)
