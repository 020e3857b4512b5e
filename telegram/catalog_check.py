"""Tries a catalog's Telegram messages with its own samples."""

from collections.abc import Iterator

from outbox.catalog.load import Catalog
from outbox.catalog.markup import TAG, Markup
from outbox.catalog.sample_check import Problem
from outbox.catalog.text import TemplateFault, Text
from outbox.delivery.channel import Channel
from telegram.cut import visible_length
from telegram.message import LONGEST_BUTTON, LONGEST_TEXT, LONGEST_TITLE, compose, is_button_url


def check(catalog: Catalog) -> list[Problem]:
    """Compose the message of every type that goes to Telegram in every language and tell what is wrong.

    What concerns every channel, a sample that lacks a field among it, is found by `outbox.catalog.sample_check`.
    """
    return [
        Problem(name, language.name, problem, Channel.TELEGRAM)
        for name, known in catalog.types.items()
        if Channel.TELEGRAM in known.channels
        for language in catalog.languages.values()
        for problem in _problems(catalog, name, language.name)
    ]


def _problems(catalog: Catalog, type_: str, language: str) -> Iterator[str]:
    sample = catalog.types[type_].sample
    try:
        text = catalog.render(type_, language, sample, Markup.HTML)
        message = compose(catalog, type_, language, sample)
    except TemplateFault:
        return
    yield from _too_long(text)
    if not message.text.endswith(message.tail) or (text.body and text.body not in message.text):
        yield f"body: too long, the message would be cut to {LONGEST_TEXT} characters"
    for name, html in (("title", text.title), ("body", text.body)):
        yield from (f"{name}: {fault}" for fault in markup_faults(html))
    if text.link and not is_button_url(text.link):
        yield "link: Telegram takes only a whole address of a public host for a button; base_url is missing or local"


def _too_long(text: Text) -> Iterator[str]:
    if visible_length(text.title) > LONGEST_TITLE:
        yield f"title: longer than {LONGEST_TITLE} characters, would be cut"
    if len(text.button or "") > LONGEST_BUTTON:
        yield f"button: longer than {LONGEST_BUTTON} characters, would be cut"


def markup_faults(html: str) -> Iterator[str]:
    """Find what Telegram could not parse: tags that do not match, and a < that begins no tag."""
    open_tags: list[str] = []
    for match in TAG.finditer(html):
        tag = match["tag"].lower()
        if not match["end"]:
            open_tags.append(tag)
        elif not open_tags or open_tags.pop() != tag:
            yield f"</{tag}> closes no open tag"
            return
    if open_tags:
        yield f"<{open_tags[-1]}> is never closed"
    if "<" in TAG.sub("", html):
        yield "< begins no tag that Telegram knows; write &lt;"
