"""One language of the catalog: the file `ru.toml`, `en.toml` and so on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from babel import Locale, UnknownLocaleError
from jinja2 import Template

from outbox.catalog.event_type import EventType
from outbox.catalog.markup import Markup
from outbox.catalog.own_catalog import OwnCatalog
from outbox.catalog.template import BadPayloadError, BadTemplateError, Sandbox, render
from outbox.catalog.text import Part, Texts, write
from outbox.catalog.toml_table import TomlTable
from outbox.error import CatalogError

LONGEST_CATEGORY = 40
"""It stands under every Telegram message."""


@dataclass(frozen=True, slots=True)
class Language:
    """All texts in one language."""

    name: str
    generic: str
    """What an inbox shows where nothing else is known of an event."""
    categories: Mapping[str, str]
    """What people read for each category."""
    texts: Mapping[str, Texts]
    """By type."""
    digest: Template
    """The heading of a message that lists many."""


def language_key(name: str) -> str:
    """Write a language's name so that `pt-BR` and `pt_br` are the same."""
    return name.strip().replace("_", "-").lower()


def read_language(name: str, file: TomlTable, types: Mapping[str, EventType], own: OwnCatalog) -> Language:
    """Read a file of texts; what it does not say of Vestnik's own events is said by `own`.

    Raises:
        CatalogError: names the type and the field that is wrong.

    """
    file.allow("generic", "digest", "categories", "types")
    sandbox = Sandbox(_locale(name, file))
    key = language_key(name)
    used = sorted({known.category for known in types.values()})
    return Language(
        name=name,
        generic=file.text("generic").strip(),
        categories=_read_categories(own.categories(key, file.table("categories"), used), used),
        texts=MappingProxyType(_read_types(name, own.texts(key, file.table("types")), types, sandbox)),
        digest=_compile_digest(file, file.optional_text("digest") or own.digest(key), sandbox),
    )


def _locale(name: str, file: TomlTable) -> Locale:
    try:
        return Locale.parse(name.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        raise file.fault(f'"{name}" is no language; name the file like ru.toml or pt-BR.toml') from None


def _read_categories(table: TomlTable, used: Sequence[str]) -> Mapping[str, str]:
    table.allow(*used)
    names = {category: table.text(category).strip() for category in used}
    seen: dict[str, str] = {}
    for category, name in names.items():
        if len(name) > LONGEST_CATEGORY:
            raise table.fault(f"is longer than {LONGEST_CATEGORY} characters", category)
        other = seen.setdefault(name.casefold(), category)
        if other != category:
            raise table.fault(f'has the same name as "{other}"; people could not tell them apart', category)
    return MappingProxyType(names)


def _read_types(language: str, tables: TomlTable, types: Mapping[str, EventType], sandbox: Sandbox) -> dict[str, Texts]:
    for name in tables.values:
        if name not in types:
            raise tables.fault("is not in catalog.toml", name)
    return {name: _read_texts(language, tables.table(name), known, sandbox) for name, known in types.items()}


def _read_texts(language: str, table: TomlTable, known: EventType, sandbox: Sandbox) -> Texts:
    table.allow(Part.TITLE, Part.BODY, Part.BUTTON)
    sources = {Part.TITLE: table.text("title"), Part.BODY: table.text("body")}
    button = table.optional_text("button")
    if button is not None:
        sources[Part.BUTTON] = button
    templates = {}
    for part, source in sources.items():
        try:
            templates[part] = sandbox.compile_text(source)
        except BadTemplateError as fault:
            raise table.fault(str(fault), part) from None
    for part, field in ((Part.LINK, known.link), (Part.COLLAPSE_KEY, known.collapse_key)):
        if field is not None:
            sources[part] = field
            templates[part] = _compile_field(known.name, part, field, sandbox)
    constant = {
        part: {markup: write(render(templates[part], {}), markup) for markup in Markup}
        for part, source in sources.items()
        if sandbox.is_constant(source)
    }
    return Texts(known.name, language, MappingProxyType(templates), MappingProxyType(constant))


def _compile_field(type_: str, part: Part, source: str, sandbox: Sandbox) -> Template:
    try:
        return sandbox.compile_text(source)
    except BadTemplateError as fault:
        raise CatalogError(f"catalog.toml: types: {type_}: {part}: {fault}") from None


def _compile_digest(file: TomlTable, source: str, sandbox: Sandbox) -> Template:
    try:
        digest = sandbox.compile_text(source)
        render(digest, {"count": 12, "category": "Orders"})
    except (BadTemplateError, BadPayloadError) as fault:
        raise file.fault(str(fault), "digest") from None
    return digest
