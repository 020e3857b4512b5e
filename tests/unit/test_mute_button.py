import json
from pathlib import Path
from urllib.parse import parse_qs

from outbox.catalog.load import load
from telegram.message import Button, Message, MuteButton, compose
from telegram.send_request import SendRequest
from telegram.verdict import Degrade
from tests.unit.small_catalog import EN, ORDER, RU, SETTINGS, TYPE, write

PAYLOAD = {"number": 7, "item": "Tea"}
MUTED = TYPE + "mute_button = true"


def keyboard(message: Message) -> list[list[dict[str, str]]]:
    """Give the rows of buttons as the Bot API gets them."""
    (markup,) = form(SendRequest(1, message))["reply_markup"]
    rows: list[list[dict[str, str]]] = json.loads(markup)["inline_keyboard"]
    return rows


def form(letter: SendRequest) -> dict[str, list[str]]:
    """Read the fields that the Bot API gets."""
    return parse_qs(letter.to_call(paid=False).body.decode())


def test_a_type_may_be_muted_below_its_message(tmp_path: Path) -> None:
    """Below the button with the link stands another one with the category's name in the message's language."""
    catalog = load(write(tmp_path, types=MUTED))
    message = compose(catalog, ORDER, "ru", PAYLOAD)
    assert (message.button, message.mute) == (
        Button("Открыть", "https://shop.example/orders/7"),
        MuteButton("orders", "Ваши заказы"),
    )
    assert keyboard(message) == [
        [{"text": "Открыть", "url": "https://shop.example/orders/7"}],
        [{"text": "🔕 Ваши заказы", "callback_data": "mute:orders"}],
    ]


def test_other_types_have_no_such_button(tmp_path: Path) -> None:
    """Nobody switches off what the application has not offered."""
    assert compose(load(write(tmp_path)), ORDER, "en", PAYLOAD).mute is None


def test_a_message_without_a_page_can_be_muted_too(tmp_path: Path) -> None:
    """The button stands alone then."""
    catalog = load(write(tmp_path, settings=SETTINGS.replace("shop.example", "localhost"), types=MUTED))
    message = compose(catalog, ORDER, "en", PAYLOAD)
    assert keyboard(message) == [[{"text": "🔕 Your orders", "callback_data": "mute:orders"}]]


def test_buttons_that_telegram_refuses_go_together(tmp_path: Path) -> None:
    """Nobody can tell which of them it was."""
    letter = SendRequest(1, compose(load(write(tmp_path, types=MUTED)), ORDER, "en", PAYLOAD))
    bare = letter.without(Degrade.BUTTON)
    assert (bare.message.button, bare.message.mute) == (None, None)
    assert "reply_markup" not in form(bare)
    kept = letter.without(Degrade.MARKUP).without(Degrade.LENGTH)
    assert kept.message.mute == MuteButton("orders", "Your orders")


def test_the_longest_category_fits(tmp_path: Path) -> None:
    """Telegram takes 64 bytes of data, and Vestnik 40 letters of a category."""
    longest = "c" * 40
    texts = {"en": EN, "ru": RU}
    renamed = {name: text.replace('orders = "', f'{longest} = "') for name, text in texts.items()}
    catalog = load(write(tmp_path, types=MUTED.replace('"orders"', f'"{longest}"'), **renamed))
    mute = compose(catalog, ORDER, "en", PAYLOAD).mute
    assert mute is not None
    assert mute.data == f"mute:{longest}"
    assert len(mute.data.encode()) <= 64
