"""Tries a catalog with its own samples, before anybody else does."""

from collections.abc import Iterator
from dataclasses import dataclass

from outbox.catalog.load import LONGEST_KEY, Catalog, EventType
from outbox.catalog.text import TemplateFault
from outbox.delivery.channel import Channel


@dataclass(frozen=True, slots=True)
class Problem:
    """A text that will not come out as its author means it."""

    type: str
    language: str
    problem: str
    channel: Channel | None = None
    """None where it concerns every channel."""

    def __str__(self) -> str:
        """Write the problem in one line."""
        return f"{self.type} in {self.language}{f' on {self.channel}' if self.channel else ''}: {self.problem}"


def check(catalog: Catalog) -> list[Problem]:
    """Render every type in every language with its sample payload and tell what is wrong.

    What only Telegram minds is found by `telegram.catalog_check`.
    """
    return [
        Problem(name, language.name, problem)
        for name in catalog.types
        for language in catalog.languages.values()
        for problem in _problems(catalog, name, language.name)
    ]


def _problems(catalog: Catalog, type_: str, language: str) -> Iterator[str]:
    known = catalog.types[type_]
    try:
        text = catalog.render(type_, language, known.sample)
    except TemplateFault as fault:
        needs = f'needs the field "{fault.field}"' if fault.field else "cannot be made of what it holds"
        yield f"sample: {fault.part} {needs}"
        return
    if known.collapse_key is not None and language == catalog.default_language:
        yield from _key_problems(catalog, known)
    if not text.title:
        yield "title: comes out empty with the sample"
    if known.link is None and text.button:
        yield "button: the type has no link"
    if known.link is not None and text.link is None:
        yield "link: comes out as no web address with the sample"
    if known.link is not None and not text.button and Channel.TELEGRAM in known.channels:
        yield "button: is missing, so the link cannot be shown on Telegram"


def _key_problems(catalog: Catalog, known: EventType) -> Iterator[str]:
    try:
        if catalog.collapse_key(known.name, known.sample) is None:
            yield f"collapse_key: comes out empty or longer than {LONGEST_KEY} characters with the sample"
    except TemplateFault as fault:
        needs = f'needs the field "{fault.field}"' if fault.field else "cannot be made of what it holds"
        yield f"sample: {fault.part} {needs}"
