"""Formatting of a part of a text: offsets and lengths in UTF-16 code units."""

import json
from dataclasses import dataclass, replace

from telegram.simulator.refusal import BadRequestError

FOUND_TYPES = frozenset(
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"},
)
"""Types that the server finds by itself: a client may name them, to no effect."""
VERBATIM = frozenset({"code", "pre"})
QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_OUTERMOST_FIRST = (
    "blockquote",
    "expandable_blockquote",
    "pre",
    "code",
    "text_link",
    "text_mention",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "custom_emoji",
)
"""How Telegram orders entities that cover the same part."""
_RANK = {kind: rank for rank, kind in enumerate(_OUTERMOST_FIRST)}
PLAIN_TYPES = frozenset(_OUTERMOST_FIRST)


@dataclass(frozen=True, slots=True)
class Entity:
    """One formatted part."""

    type: str
    offset: int
    length: int
    argument: str = ""
    """What the type needs: url, language, custom_emoji_id or the mentioned user's id."""

    @property
    def end(self) -> int:
        """Give the offset behind the part."""
        return self.offset + self.length

    def as_json(self) -> dict[str, object]:
        """Write the entity as the Bot API does."""
        fields: dict[str, object] = {"offset": self.offset, "length": self.length, "type": self.type}
        if self.argument:
            fields.update(_extra(self))
        return fields


def utf16_length(text: str) -> int:
    """Count UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def in_order(entities: list[Entity]) -> list[Entity]:
    """Sort from the outside in and drop what Telegram does not nest: parts of code, quotes in quotes."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda each: (each.offset, -each.length, _RANK[each.type])):
        around = [each for each in kept if each.end >= entity.end]
        verbatim = any(each.type in VERBATIM for each in around)
        nested_quote = entity.type in QUOTES and any(each.type in QUOTES for each in around)
        if not (verbatim or nested_quote):
            kept.append(entity)
    return kept


def cut(entities: list[Entity], start: int, end: int) -> list[Entity]:
    """Keep what lies in `start` to `end`, counted from `start`."""
    kept = []
    for entity in entities:
        first, last = max(entity.offset, start), min(entity.end, end)
        if first < last:
            kept.append(replace(entity, offset=first - start, length=last - first))
    return kept


def read_entities(source: str) -> list[Entity]:
    """Read the `entities` argument.

    Raises:
        BadRequestError: it is no array of MessageEntity.

    """
    try:
        values = json.loads(source)
    except ValueError:
        raise BadRequestError("can't parse entities JSON object") from None
    if not isinstance(values, list):
        raise BadRequestError("expected an Array of MessageEntity")
    entities = (_read_entity(value) for value in values)
    return in_order([each for each in entities if each.type in PLAIN_TYPES])


def check_range(entities: list[Entity], length: int) -> None:
    """Refuse entities that reach over the text's end.

    Raises:
        BadRequestError: names the first that does.

    """
    for entity in entities:
        if entity.offset < 0:
            raise BadRequestError(f"receive an entity with incorrect offset {entity.offset}")
        if entity.offset >= length:
            raise BadRequestError(
                f"entity begins after the end of the text at UTF-16 offset {entity.offset}",
            )
        if entity.end > length:
            raise BadRequestError(
                f"entity beginning at UTF-16 offset {entity.offset} ends after the end of the text "
                f"at UTF-16 offset {entity.end}",
            )


def _read_entity(value: object) -> Entity:
    if not isinstance(value, dict):
        raise BadRequestError("can't parse MessageEntity: expected an Object")
    kind = value.get("type")
    if kind not in PLAIN_TYPES | FOUND_TYPES:
        raise BadRequestError("can't parse MessageEntity: Unsupported type specified")
    for name in ("offset", "length"):
        if not isinstance(value.get(name), int):
            raise BadRequestError(f'can\'t parse MessageEntity: Field "{name}" must be of type Number')
    user = value.get("user") or {}
    argument = value.get("url") or value.get("language") or value.get("custom_emoji_id") or user.get("id")
    return Entity(kind, value["offset"], value["length"], str(argument or ""))


def _extra(entity: Entity) -> dict[str, object]:
    match entity.type:
        case "text_link":
            return {"url": entity.argument}
        case "pre":
            return {"language": entity.argument}
        case "custom_emoji":
            return {"custom_emoji_id": entity.argument}
        case "text_mention":
            return {"user": {"id": int(entity.argument), "is_bot": False, "first_name": ""}}
        case _:
            return {}
