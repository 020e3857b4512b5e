from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inapp.notification_text import NotificationText, render
from outbox.catalog.load import Catalog, load
from tests.unit.small_catalog import EN, ORDER, RU, write


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Load the small catalog."""
    return load(write(tmp_path))


def test_a_notification_is_plain_text_with_a_page(catalog: Catalog) -> None:
    """No tags, nothing escaped: the page shows it as text."""
    assert render(catalog, ORDER, "ru", {"number": 7, "item": "Tea & <cake>"}) == NotificationText(
        title="Заказ 7", body="Оплачено: Tea & <cake>", link="https://shop.example/orders/7"
    )


def test_a_body_that_cannot_be_rendered_is_left_out(catalog: Catalog) -> None:
    """The title and the page are still of use."""
    shown = NotificationText(title="Заказ 7", body="", link="https://shop.example/orders/7")
    assert render(catalog, ORDER, "ru", {"number": 7}) == shown


def test_a_title_that_cannot_be_rendered_gives_way_to_the_category(catalog: Catalog) -> None:
    """People still see what it is about."""
    assert render(catalog, ORDER, "ru", {"item": "Tea"}) == NotificationText(title="Ваши заказы", body="", link=None)


def test_an_empty_title_gives_way_to_the_category(tmp_path: Path) -> None:
    """A line without words is none."""
    text = EN.replace("Order {{ number }}", "{{ number }}")
    shown = NotificationText("Your orders", "Paid: Tea", "https://shop.example/orders/")
    assert render(load(write(tmp_path, en=text)), ORDER, "en", {"number": " ", "item": "Tea"}) == shown


@pytest.mark.parametrize(("language", "line"), [("ru-RU", "Что-то произошло"), ("fr", "Something happened")])
def test_a_type_that_the_catalog_no_longer_has_shows_a_general_line(catalog: Catalog, language: str, line: str) -> None:
    """Old notifications do not vanish from the inbox."""
    assert render(catalog, "order.gone", language, {"number": 7}) == NotificationText(title=line, body="", link=None)


def test_a_title_is_one_line(tmp_path: Path) -> None:
    """Line breaks of a value do not break the list."""
    catalog = load(write(tmp_path, ru=RU))
    assert render(catalog, ORDER, "ru", {"number": "7\n8", "item": ""}).title == "Заказ 7 8"


VALUE = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text(), max_size=2)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.dictionaries(st.sampled_from(["number", "item", "self", "other"]), VALUE), language=st.text(max_size=6)
)
def test_there_is_always_something_to_show(catalog: Catalog, payload: dict[str, object], language: str) -> None:
    """No payload and no language leaves a notification without a title."""
    assert render(catalog, ORDER, language, payload).title
