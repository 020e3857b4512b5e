"""Categories as people switch them: those of the catalog that go to Telegram."""

from outbox.catalog.load import Catalog
from outbox.delivery.channel import Channel


def categories_of(catalog: Catalog) -> tuple[str, ...]:
    """List the categories that have a type for Telegram, in the catalog's order."""
    found = (known.category for known in catalog.types.values() if Channel.TELEGRAM in known.channels)
    return tuple(dict.fromkeys(found))


def types_in(catalog: Catalog, category: str) -> list[str]:
    """List the types of a category."""
    return [name for name, known in catalog.types.items() if known.category == category]


def muted_key(category: str) -> str:
    """Name a category's Telegram switch as preferences do."""
    return f"{Channel.TELEGRAM}/{category}"
