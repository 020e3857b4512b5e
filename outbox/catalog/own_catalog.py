"""The catalog of Vestnik's own events; an application's catalog goes before it in every entry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from outbox.catalog.toml_table import TomlTable

FILE = Path(__file__).with_name("own_catalog.toml")
FALLBACK = "en"
"""Who speaks none of its languages gets this one."""
NO_WORDS = "{{ category }}: {{ count }}"
"""The heading of a digest in a language that Vestnik does not know."""


@dataclass(frozen=True, slots=True)
class OwnCatalog:
    """Fills into an application's tables what they leave out."""

    file: TomlTable

    @classmethod
    def load(cls) -> Self:
        """Read it from the package."""
        return cls(TomlTable.load(FILE))

    def types(self, given: TomlTable) -> TomlTable:
        """Complete the table `types` of `catalog.toml`."""
        # an application without a type has forgotten its own
        return _complete(given, self.file.table("types").values) if given.values else given

    def categories(self, language: str, given: TomlTable, used: Iterable[str]) -> TomlTable:
        """Complete a language's table `categories`, as far as a type uses them."""
        own = self._language(language).table("categories")
        taken = {name.strip().casefold() for name in given.values.values() if isinstance(name, str)}
        names = {category: own.text(category) for category in own.values if category in used}
        # two categories with one name could not be told apart, and the application is not to be refused for ours
        free = {category: f"{name} (Vestnik)" if name.casefold() in taken else name for category, name in names.items()}
        return _complete(given, free)

    def texts(self, language: str, given: TomlTable) -> TomlTable:
        """Complete a language's table `types`."""
        return _complete(given, self._language(language).table("types").values)

    def digest(self, language: str) -> str:
        """Give a language's heading of a message that lists many."""
        known = self.file.table("languages").values
        spoken = language in known or language.partition("-")[0] in known
        return self._language(language).text("digest") if spoken else NO_WORDS

    def _language(self, key: str) -> TomlTable:
        known = self.file.table("languages")
        wanted = (key, key.partition("-")[0], FALLBACK)
        return known.table(next(name for name in wanted if name in known.values))


def _complete(given: TomlTable, own: Mapping[str, object]) -> TomlTable:
    return replace(given, values={**given.values, **{key: own[key] for key in own if key not in given.values}})
