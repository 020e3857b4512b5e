"""The text of a message, from its raw argument to what the person sees."""

from collections.abc import Callable
from dataclasses import dataclass

from telegram.simulator.arguments import Arguments, is_unicode
from telegram.simulator.clean_text import SPACES, check_numbers, clean, is_blank, trimmed
from telegram.simulator.entity import Entity, read_entities
from telegram.simulator.html_text import parse_html
from telegram.simulator.link import WrongLinkError, link_entity
from telegram.simulator.link_preview import read_link_preview
from telegram.simulator.markdown_text import parse_markdown_v2
from telegram.simulator.markdown_v1 import parse_markdown
from telegram.simulator.nesting import limited, nested
from telegram.simulator.refusal import BadRequestError

LONGEST_RAW_BYTES = 32_768
LONGEST_TEXT = 4096
"""In code points, after parsing."""

Parser = Callable[[str], tuple[str, list[Entity]]]
PARSERS: dict[str, Parser] = {
    "html": parse_html,
    "markdown": parse_markdown,
    "markdownv2": parse_markdown_v2,
}
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
    read_link_preview(arguments)
    source = arguments.get("text", "")
    if not source:
        raise BadRequestError("message text is empty")
    if len(source.encode(errors="surrogatepass")) > LONGEST_RAW_BYTES:
        raise BadRequestError("text is too long")
    mode = arguments.get("parse_mode", "").lower()
    if mode in ("", "none"):
        entities = arguments.get("entities")
        return FormattedText(source, read_entities(entities) if entities else [])
    if mode not in PARSERS:
        raise BadRequestError("unsupported parse_mode")
    if not is_unicode(source):
        raise BadRequestError("text must be encoded in UTF-8")
    return FormattedText(*PARSERS[mode](source))


def checked_length(raw: FormattedText) -> FormattedText:
    """Clean and trim the text as Telegram does and check its length: a later step than parsing.

    Raises:
        BadRequestError: an entity is wrong, nothing is left, or more than 4096 code points.

    """
    entities = [_checked(each) for each in raw.entities]
    if not is_unicode(raw.text):
        raise BadRequestError("strings must be encoded in UTF-8")
    check_numbers(entities)
    text, entities = clean(raw.text, nested(entities))
    text, entities = trimmed(text, nested(entities)) if text.strip(SPACES) else ("", [])
    if is_blank(text):
        raise BadRequestError("text must be non-empty")
    if len(text) > LONGEST_TEXT:
        raise BadRequestError("message is too long")
    return FormattedText(text, nested(limited(nested(entities))))


def _checked(entity: Entity) -> Entity:
    if entity.type == "text_link":
        try:
            return link_entity(entity.argument, entity.offset, entity.length)
        except WrongLinkError as error:
            raise BadRequestError(f"entity URL '{entity.argument}' is invalid: {error}") from None
    if entity.type == "text_mention" and int(entity.argument) <= 0:
        raise BadRequestError("user not found")
    if entity.type == "custom_emoji" and int(entity.argument) == 0:
        raise BadRequestError("invalid custom emoji identifier specified")
    return entity
