"""Formatting of a part of a text: offsets and lengths in UTF-16 code units."""

import json
from dataclasses import dataclass, replace

from telegram.simulator.json_field import (
    LARGEST_LONG,
    SMALLEST_LONG,
    JsonObject,
    WrongFieldError,
    optional_text,
    required_int,
    required_object,
    required_text,
)
from telegram.simulator.refusal import BadRequestError

FOUND_TYPES = frozenset(
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"},
)
"""Types that the server finds by itself: a client may name them, to no effect."""
VERBATIM = frozenset({"code", "pre"})
QUOTES = frozenset({"blockquote", "expandable_blockquote"})
STYLES = ("bold", "italic", "underline", "strikethrough", "spoiler")
"""Types that may cross others and are then split."""
_RANKS = {
    "blockquote": 0,
    "expandable_blockquote": 0,
    "pre": 10,
    "code": 20,
    "text_link": 49,
    "text_mention": 49,
    "bold": 90,
    "italic": 91,
    "underline": 92,
    "strikethrough": 93,
    "spoiler": 94,
    "custom_emoji": 99,
}
"""How Telegram orders entities that cover the same part."""
_FOUND_RANK = 50
"""Where a part stands that the server has found by itself: a command, for one."""
PLAIN_TYPES = frozenset(_RANKS)


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
    """Sort from the outside in."""
    return sorted(entities, key=lambda each: (each.offset, -each.length, _RANKS.get(each.type, _FOUND_RANK)))


def cut(entities: list[Entity], start: int, end: int) -> list[Entity]:
    """Keep what lies in `start` to `end`, counted from `start`."""
    kept = []
    for entity in entities:
        first, last = max(entity.offset, start), min(entity.end, end)
        if first < last:
            kept.append(replace(entity, offset=first - start, length=last - first))
    return kept


def read_entities(source: str) -> list[Entity]:
    """Read the `entities` argument; what is no JSON array is taken for none.

    Raises:
        BadRequestError: the array has something else than a MessageEntity in it.

    """
    try:
        values = json.loads(source)
    except ValueError:
        return []
    if not isinstance(values, list):
        return []
    entities = [_read_entity(value) for value in values]
    return [each for each in entities if each.type in PLAIN_TYPES]


def _read_entity(value: object) -> Entity:
    if not isinstance(value, dict):
        raise _wrong_entity("expected an Object")
    try:
        offset, length = required_int(value, "offset"), required_int(value, "length")
        kind = required_text(value, "type")
        if not kind:
            raise _wrong_entity("Type is not specified")
        if kind not in PLAIN_TYPES | FOUND_TYPES:
            raise _wrong_entity("Unsupported type specified")
        return Entity(kind, offset, length, _read_argument(kind, value))
    except WrongFieldError as error:
        raise _wrong_entity(str(error)) from None


def _read_argument(kind: str, fields: JsonObject) -> str:
    match kind:
        case "pre":
            return optional_text(fields, "language")
        case "text_link":
            return required_text(fields, "url")
        case "text_mention":
            return str(required_int(required_object(fields, "user"), "id", SMALLEST_LONG, LARGEST_LONG))
        case "custom_emoji":
            return str(required_int(fields, "custom_emoji_id", SMALLEST_LONG, LARGEST_LONG))
        case _:
            return ""


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


def _wrong_entity(fault: str) -> BadRequestError:
    return BadRequestError(f"can't parse MessageEntity: {fault}")
