"""The texts of one event type in one language, and what they become with a payload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from jinja2 import Template

from outbox.catalog.markup import Markup, to_plain
from outbox.catalog.template import BadPayloadError, render
from outbox.error import OutboxError


class Part(StrEnum):
    """What a text consists of."""

    TITLE = "title"
    """One line that says what has happened."""
    BODY = "body"
    """The particulars."""
    BUTTON = "button"
    """What the button with the link says."""
    LINK = "link"
    """The page that the event is about."""
    COLLAPSE_KEY = "collapse_key"
    """Which message the event edits."""


class TemplateFault(OutboxError):  # noqa: N818 - a fault of the data for one delivery, not of the program
    """A payload that a type's texts cannot be rendered with; holds names only, no value of the payload."""

    def __init__(self, type_: str, language: str, part: Part, field: str | None) -> None:
        self.type = type_
        self.language = language
        self.part = part
        self.field = field
        """The field that is missing; None where a value is there but of no use."""
        needs = f'needs the field "{field}"' if field else "cannot be made with this payload"
        super().__init__(f"{type_}: {part} in {language} {needs}")


@dataclass(frozen=True, slots=True)
class Text:
    """What an event says to a person."""

    title: str
    body: str
    button: str | None = None
    """Always plain."""
    link: str | None = None
    """A whole web address, or a path where the catalog has no `base_url`; None where there is none to go to."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The compiled templates of one type in one language."""

    type: str
    language: str
    templates: Mapping[Part, Template]
    constant: Mapping[Part, Mapping[Markup, str]] = field(default_factory=dict)
    """What those parts become that no payload changes."""

    def render(self, part: Part, payload: Mapping[str, object], markup: Markup = Markup.PLAIN) -> str | None:
        """Render one part; None where the type has no such part.

        Raises:
            TemplateFault: the payload lacks a field, or has a value that cannot be shown.

        """
        said = self.constant.get(part)
        if said is not None:
            return said[markup]
        template = self.templates.get(part)
        if template is None:
            return None
        try:
            return write(render(template, payload), markup)
        except BadPayloadError as fault:
            missing = fault.field
        raise TemplateFault(self.type, self.language, part, missing)


def write(html: str, markup: Markup) -> str:
    """Write what was rendered with tags or without."""
    return html.strip() if markup is Markup.HTML else to_plain(html).strip()
