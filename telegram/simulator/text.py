"""The text of a message, from its raw argument to what the person sees."""

from collections.abc import Callable
from dataclasses import dataclass

from telegram.simulator.arguments import Arguments
from telegram.simulator.entity import Entity, check_range, cut, read_entities, utf16_length
from telegram.simulator.html_text import parse_html
from telegram.simulator.refusal import BadRequestError

LONGEST_RAW_BYTES = 32_768
LONGEST_TEXT = 4096
"""In code points, after parsing."""
_CONTROL_CHARACTERS = {code: " " for code in range(32) if chr(code) != "\n"} | {ord("\r"): None}

Parser = Callable[[str], tuple[str, list[Entity]]]
PARSERS: dict[str, Parser] = {"html": parse_html}
"""By parse_mode in lower case."""


@dataclass(frozen=True, slots=True)
class FormattedText:
    """A text without markup and the entities that format it."""

    text: str
    entities: list[Entity]


def read_text(arguments: Arguments) -> FormattedText:
    """Read and parse the text: the first step of the real order of validation.

    Raises:
        BadRequestError: empty, far too long, unknown parse mode, markup that cannot be parsed.

    """
    source = arguments.get("text", "")
    if not source:
        raise BadRequestError("message text is empty")
    if len(source.encode()) > LONGEST_RAW_BYTES:
        raise BadRequestError("text is too long")
    source = source.translate(_CONTROL_CHARACTERS)
    mode = arguments.get("parse_mode", "").strip().lower()
    if mode in ("", "none"):
        entities = arguments.get("entities")
        return FormattedText(source, read_entities(entities) if entities else [])
    if mode not in PARSERS:
        raise BadRequestError("unsupported parse_mode")
    return FormattedText(*PARSERS[mode](source))


def checked_length(raw: FormattedText) -> FormattedText:
    """Trim white space as Telegram does and check the length: a later step than parsing.

    Raises:
        BadRequestError: nothing is left, or more than 4096 code points.

    """
    check_range(raw.entities, utf16_length(raw.text))
    text = raw.text.strip()
    if not text:
        raise BadRequestError("text must be non-empty")
    if len(text) > LONGEST_TEXT:
        raise BadRequestError("message is too long")
    if len(text) == len(raw.text) or not raw.entities:
        return FormattedText(text, raw.entities)
    start = utf16_length(raw.text[: len(raw.text) - len(raw.text.lstrip())])
    return FormattedText(text, cut(raw.entities, start, start + utf16_length(text)))
