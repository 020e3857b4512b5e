"""Preferences as the inbox shows them: the categories of the catalog, and the channels that each of them uses."""

from collections.abc import Mapping

from outbox.catalog.language import language_key
from outbox.catalog.load import Catalog
from outbox.delivery.channel import Channel
from outbox.person.preference import Preferences, Switch


def channels_of(catalog: Catalog) -> dict[str, frozenset[Channel]]:
    """Tell, for each category in the catalog's order, on which channels some type of it goes out."""
    found: dict[str, frozenset[Channel]] = {}
    for known in catalog.types.values():
        found[known.category] = found.get(known.category, frozenset()) | known.channels
    return found


def switches(preferences: Preferences, catalog: Catalog) -> dict[str, dict[Channel, bool]]:
    """Tell for each category and channel whether it is on."""
    return {
        category: {channel: f"{channel}/{category}" not in preferences.muted for channel in Channel if channel in used}
        for category, used in channels_of(catalog).items()
    }


def switch(catalog: Catalog, category: str, wanted: Mapping[Channel, bool]) -> list[Switch]:
    """Say what it takes to switch a category so."""
    types = [name for name, known in catalog.types.items() if known.category == category]
    return [Switch(category, channel, enabled, types) for channel, enabled in wanted.items()]


def chosen_language(preferences: Preferences, catalog: Catalog) -> str | None:
    """Name the language that a person has chosen as the catalog does; None where it has no such language any more."""
    found = catalog.languages.get(language_key(preferences.language or ""))
    return None if found is None else found.name
