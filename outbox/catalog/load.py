"""The catalog: the event types and their texts, read once from a directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from outbox.catalog import weblink
from outbox.catalog.event_type import EventType, read_types
from outbox.catalog.language import Language, language_key, read_language
from outbox.catalog.markup import Markup
from outbox.catalog.own_catalog import OwnCatalog
from outbox.catalog.template import render
from outbox.catalog.text import Part, Text, Texts
from outbox.catalog.toml_table import TomlTable
from outbox.delivery.decision import OnUnknown

__all__ = ["Catalog", "EventType", "Markup", "OnUnknown", "Part", "Text", "load"]

FILE = "catalog.toml"
MOST_WANTED = 1_000
"""Words for a language that are remembered; what stands in somebody's profile may be any."""
LONGEST_KEY = 200
"""Characters of a rendered `collapse_key`."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All event types, Vestnik's own among them, and all texts in all languages."""

    types: Mapping[str, EventType]
    languages: Mapping[str, Language]
    """By the language's name in small letters: `ru`, `pt-br`."""
    default_language: str
    base_url: str | None = None
    """What a link that begins with a slash is put after."""
    _nearest: dict[str | None, Language] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Languages by what was wanted: each message asks several times."""

    def language(self, wanted: str | None) -> Language:
        """Choose the nearest language that the catalog has: `ru-RU`, else `ru`, else the default."""
        found = self._nearest.get(wanted)
        if found is None:
            found = self._find_language(wanted)
            if len(self._nearest) < MOST_WANTED:
                self._nearest[wanted] = found
        return found

    def _find_language(self, wanted: str | None) -> Language:
        key = language_key(wanted or "")
        found = self.languages.get(key) or self.languages.get(key.split("-")[0])
        return found or self.languages[language_key(self.default_language)]

    def category_name(self, type_: str, language: str | None) -> str:
        """Name the category of a type as people read it."""
        return self.language(language).categories[self.types[type_].category]

    def render(
        self, type_: str, language: str | None, payload: Mapping[str, object], markup: Markup = Markup.PLAIN
    ) -> Text:
        """Render what an event says.

        Raises:
            TemplateFault: the payload lacks a field that the texts need.

        """
        texts = self._texts(type_, language)
        return Text(
            title=texts.render(Part.TITLE, payload, markup) or "",
            body=texts.render(Part.BODY, payload, markup) or "",
            button=texts.render(Part.BUTTON, payload),
            link=self.link(type_, language, payload),
        )

    def title(self, type_: str, language: str | None, payload: Mapping[str, object]) -> str:
        """Render the title alone, in plain text.

        Raises:
            TemplateFault: the payload lacks a field that the title needs.

        """
        return self._texts(type_, language).render(Part.TITLE, payload) or ""

    def link(self, type_: str, language: str | None, payload: Mapping[str, object]) -> str | None:
        """Render the page's address; None where the type has none or it comes out as no web address.

        Raises:
            TemplateFault: the payload lacks a field that the link needs.

        """
        address = self._texts(type_, language).render(Part.LINK, payload)
        return weblink.complete(address, self.base_url) if address else None

    def collapse_key(self, type_: str, payload: Mapping[str, object]) -> str | None:
        """Render the key by which an event edits the message of an earlier one; None where it edits none.

        In the default language, for a key is the same whatever people read. One that is longer than a key can be is
        none: cut, it could be another's.

        Raises:
            TemplateFault: the payload lacks a field that the key needs.

        """
        key = self._texts(type_, None).render(Part.COLLAPSE_KEY, payload)
        return key if key and len(key) <= LONGEST_KEY else None

    def digest_types(self, type_: str) -> frozenset[str]:
        """Tell which types one message may list together with this one."""
        known = self.types.get(type_)
        if known is None or not known.digest:
            return frozenset()
        return frozenset(
            name for name, other in self.types.items() if other.digest and other.category == known.category
        )

    def digest_heading(self, type_: str, language: str | None, count: int) -> str:
        """Render, in HTML, the heading of a message that lists so many of a type's category."""
        fields = {"count": count, "category": self.category_name(type_, language)}
        return render(self.language(language).digest, fields).strip()

    def _texts(self, type_: str, language: str | None) -> Texts:
        return self.language(language).texts[type_]


def load(directory: Path) -> Catalog:
    """Read `catalog.toml` and every file of texts beside it, and add what Vestnik emits itself.

    Raises:
        CatalogError: names file, type and field of the first fault.

    """
    file = TomlTable.load(directory / FILE)
    file.allow("default_language", "base_url", "types")
    own = OwnCatalog.load()
    types = read_types(own.types(file.table("types")))
    languages = {
        language_key(path.stem): read_language(path.stem, TomlTable.load(path), types, own)
        for path in sorted(directory.glob("*.toml"))
        if path.name != FILE
    }
    default = file.text("default_language")
    if language_key(default) not in languages:
        raise file.fault(f"there is no {default}.toml with its texts", "default_language")
    return Catalog(types, MappingProxyType(languages), default, _read_base_url(file))


def _read_base_url(file: TomlTable) -> str | None:
    base = file.optional_text("base_url")
    if base is not None and not weblink.is_web(base):
        raise file.fault(f'"{base}" is no http or https address', "base_url")
    return base
