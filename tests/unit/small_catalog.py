"""A catalog of one type for tests, each part of which can be replaced."""

from pathlib import Path

from outbox.catalog.load import Catalog, load

SETTINGS = 'default_language = "en"\nbase_url = "https://shop.example"\n'
TYPE = """
[types."order.paid"]
category = "orders"
channels = ["telegram", "inapp"]
link = "/orders/{{ number }}"
sample = { number = 7, item = "Tea" }
"""
EN = """
generic = "Something happened"
[categories]
orders = "Your orders"
[types."order.paid"]
title = "Order {{ number }}"
body = "Paid: <i>{{ item }}</i>"
button = "Open"
"""
RU = """
generic = "Что-то произошло"
[categories]
orders = "Ваши заказы"
[types."order.paid"]
title = "Заказ {{ number }}"
body = "Оплачено: <i>{{ item }}</i>"
button = "Открыть"
"""
ORDER = "order.paid"


def write(directory: Path, *, settings: str = SETTINGS, types: str = TYPE, en: str = EN, ru: str = RU) -> Path:
    """Write the catalog's files."""
    (directory / "catalog.toml").write_text(settings + types, encoding="utf-8")
    (directory / "en.toml").write_text(en, encoding="utf-8")
    (directory / "ru.toml").write_text(ru, encoding="utf-8")
    return directory


def made(directory: Path, *, title: str = "Order", body: str = "Paid", types: str = TYPE) -> Catalog:
    """Load the catalog with one title and one body in both languages."""
    text = f"[types.\"order.paid\"]\ntitle = '''{title}'''\nbody = '''{body}'''\nbutton = \"Open\"\n"
    head = 'generic = "Something"\n[categories]\norders = "Your orders"\n'
    return load(write(directory, types=types, en=head + text, ru=head + text))
