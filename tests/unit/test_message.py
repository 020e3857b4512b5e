from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from outbox.catalog.load import Catalog, load
from outbox.catalog.text import TemplateFault
from telegram.message import Button, Message, compose, is_button_url
from tests.unit.small_catalog import EN, ORDER, SETTINGS, TYPE, made, write
from tests.unit.strict_html import read

PAYLOAD = {"number": 7, "item": "Tea & <cake>"}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Load the small catalog."""
    return load(write(tmp_path))


def test_a_message_has_title_text_category_and_button(catalog: Catalog) -> None:
    """The title in bold, the text, the category as a hashtag, one button that opens the page."""
    assert compose(catalog, ORDER, "ru", PAYLOAD) == Message(
        text="<b>Заказ 7</b>\n\nОплачено: <i>Tea &amp; &lt;cake&gt;</i>\n\n#Ваши_заказы",
        button=Button("Открыть", "https://shop.example/orders/7"),
        protect_content=False,
        parse_mode="HTML",
        tail="\n\n#Ваши_заказы",
    )


def test_a_sensitive_type_is_protected(tmp_path: Path) -> None:
    """Telegram lets nobody forward it."""
    catalog = load(write(tmp_path, types=TYPE + "sensitive = true"))
    assert compose(catalog, ORDER, "en", PAYLOAD).protect_content


def test_a_title_is_one_line(catalog: Catalog) -> None:
    """A value with line breaks does not spread the title over several."""
    message = compose(catalog, ORDER, "en", {"number": "7\n\n  8", "item": "Tea"})
    assert message.text == "<b>Order 7 8</b>\n\nPaid: <i>Tea</i>\n\n#Your_orders"


def test_an_empty_title_gives_way_to_the_category(tmp_path: Path) -> None:
    """There is always something in bold."""
    catalog = made(tmp_path, title="{{ number }}", body="{{ number }}")
    assert compose(catalog, ORDER, "en", {"number": ""}).text == "<b>Your orders</b>\n\n#Your_orders"


def test_a_missing_field_is_the_callers_to_handle(catalog: Catalog) -> None:
    """Nothing half-filled is sent."""
    with pytest.raises(TemplateFault):
        compose(catalog, ORDER, "en", {"number": 7})


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://shop.example/orders/7", True),
        ("http://127.0.0.1:3000/x", True),
        ("https://[2001:db8::1]/x", True),
        ("https://магазин.рф/заказ", True),
        ("http://localhost:3000/x", False),
        ("https://shop./x", False),
        ("/orders/7", False),
        ("tg://user?id=1", False),
        ("https:///x", False),
    ],
)
def test_a_button_opens_a_whole_address(address: str, good: bool) -> None:  # noqa: FBT001 - a row of the table
    """What Telegram would refuse is not tried."""
    assert is_button_url(address) is good


def test_a_page_that_is_no_address_costs_the_button_only(tmp_path: Path) -> None:
    """The message goes without it."""
    catalog = load(write(tmp_path, settings=SETTINGS.replace("shop.example", "localhost")))
    message = compose(catalog, ORDER, "en", PAYLOAD)
    assert message.button is None
    assert message.text.startswith("<b>Order 7</b>")


def test_a_long_text_is_cut_and_the_rest_stays(catalog: Catalog) -> None:
    """4096 characters as Telegram counts them, with title, category and button."""
    message = compose(catalog, ORDER, "en", {"number": 7, "item": "Tea & <cake> 👍🏽 " * 600})
    text, tags = read(message.text)
    assert 4000 < len(text) <= 4096
    assert text.startswith("Order 7\n\nPaid: Tea & <cake> 👍🏽 Tea")
    assert text.endswith("…\n\n#Your_orders")
    assert tags == ["b", "i"]
    assert message.button == Button("Open", "https://shop.example/orders/7")


def test_a_long_title_is_cut_and_leaves_room(catalog: Catalog) -> None:
    """A name of 9,000 characters does not push the text out."""
    text, _tags = read(compose(catalog, ORDER, "en", {"number": "long " * 1800, "item": "Tea"}).text)
    title, body, tag = text.split("\n\n")
    assert len(title) <= 256
    assert title.endswith("long…")
    assert (body, tag) == ("Paid: Tea", "#Your_orders")


def test_a_long_caption_is_cut(tmp_path: Path) -> None:
    """A button takes 64 characters."""
    catalog = load(write(tmp_path, en=EN.replace('"Open"', '"{{ item }}"')))
    message = compose(catalog, ORDER, "en", {"number": 7, "item": "very long " * 20})
    assert message.button is not None
    assert message.button.text == "very long very long very long very long very long very long…"


def test_many_tags_stay_under_the_raw_limit(tmp_path: Path) -> None:
    """Telegram refuses 32,768 bytes before it looks at the tags."""
    catalog = made(tmp_path, body="{% for x in xs %}<b>{{ x }}</b>{% endfor %}")
    message = compose(catalog, ORDER, "en", {"number": 7, "xs": ["&"] * 4000})
    assert 30_000 < len(message.text.encode()) <= 32_768
    read(message.text)


def test_without_markup_the_text_is_what_was_seen(catalog: Catalog) -> None:
    """For Telegram's complaint about markup: the same words, no parse mode, the button stays."""
    message = compose(catalog, ORDER, "en", PAYLOAD)
    plain = message.plain()
    assert plain.text == "Order 7\n\nPaid: Tea & <cake>\n\n#Your_orders"
    assert plain.parse_mode is None
    assert plain.button == message.button
    assert plain.plain() == plain


def test_broken_markup_becomes_plain_text(tmp_path: Path) -> None:
    """Tags that a template forgot to close go too."""
    message = compose(made(tmp_path, body="<i>Paid <5 <b>now</i>"), ORDER, "en", {"number": 7})
    assert message.plain().text == "Order\n\nPaid <5 now\n\n#Your_orders"


def test_a_second_shortening_keeps_title_category_and_button(catalog: Catalog) -> None:
    """For Telegram's complaint about the length: far below the limit."""
    message = compose(catalog, ORDER, "en", {"number": 7, "item": "Tea & " * 2000})
    shortened = message.shortened()
    text, _tags = read(shortened.text)
    assert 1900 < len(text) <= 2048
    assert text.startswith("Order 7\n\n")
    assert text.endswith("…\n\n#Your_orders")
    assert shortened.button == message.button


def test_a_plain_message_can_be_shortened(catalog: Catalog) -> None:
    """Both complaints about one message."""
    text = compose(catalog, ORDER, "en", {"number": 7, "item": "Tea & " * 2000}).plain().shortened().text
    assert len(text) <= 2048
    assert text.endswith("…\n\n#Your_orders")


def test_a_short_message_is_not_shortened(catalog: Catalog) -> None:
    """Nothing would come out differently, so nothing is sent again."""
    message = compose(catalog, ORDER, "en", PAYLOAD)
    assert message.shortened() == message


def test_the_button_can_be_left_out(catalog: Catalog) -> None:
    """For Telegram's complaint about the button."""
    message = compose(catalog, ORDER, "en", PAYLOAD)
    assert message.buttonless() == Message(text=message.text, tail=message.tail)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.text(), item=st.text(), times=st.sampled_from([1, 300, 5000]))
@example(number="", item=" ", times=5000)
def test_no_payload_breaks_a_message(catalog: Catalog, number: str, item: str, times: int) -> None:
    """Whatever the values: valid HTML with the author's tags, within both limits, category at the end."""
    message = compose(catalog, ORDER, "en", {"number": number, "item": item * times})
    text, tags = read(message.text)
    # a shortening goes back over spaces: where there is nothing but these, no tag is left around them
    assert tags == (["b", "i"] if item.strip() else ["b", "i"][: len(tags)])
    assert tags[0] == "b"
    assert len(text) <= 4096
    assert len(message.text.encode()) <= 32_768
    assert text.endswith("\n\n#Your_orders")
    assert len(message.plain().text) <= 4096
    read(message.shortened().text)
