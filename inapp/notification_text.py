"""What the inbox shows of an event; it always has something to say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from outbox.catalog.load import Catalog
from outbox.catalog.markup import one_line
from outbox.catalog.text import TemplateFault

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class NotificationText:
    """Title, body and page of a notification, in plain text."""

    title: str
    body: str = ""
    link: str | None = None
    """A whole web address, or a path of the application itself."""


def render(catalog: Catalog, type_: str, language: str | None, payload: Mapping[str, object]) -> NotificationText:
    """Say what can be said: all, else title and page, else the category, else that there is something."""
    if type_ not in catalog.types:
        return NotificationText(catalog.language(language).generic)
    text = _or_none(lambda: catalog.render(type_, language, payload))
    if text is not None and text.title:
        return NotificationText(one_line(text.title), text.body, text.link)
    title = _or_none(lambda: catalog.title(type_, language, payload))
    link = _or_none(lambda: catalog.link(type_, language, payload))
    return NotificationText(
        title=one_line(title or "") or catalog.category_name(type_, language),
        body=text.body if text else "",
        link=link,
    )


def _or_none(rendering: Callable[[], Value]) -> Value | None:
    try:
        return rendering()
    except TemplateFault:
        return None
