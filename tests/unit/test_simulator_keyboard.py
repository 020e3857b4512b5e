import json

import pytest

from telegram.simulator.keyboard import check_keyboard, read_keyboard, with_checked_links
from telegram.simulator.refusal import BadRequestError

BUTTON = "can't parse inline keyboard button: "


def markup(*buttons: object) -> dict[str, str]:
    """Give the arguments of a message with one row of buttons."""
    return {"reply_markup": json.dumps({"inline_keyboard": [list(buttons)]})}


def test_buttons_are_kept_as_the_person_sees_them() -> None:
    """A link is completed as Telegram completes it; the data of a button stays as it is."""
    arguments = markup({"text": "Open", "url": "Example.com"}, {"text": "Yes", "callback_data": "я" * 32})
    keyboard = with_checked_links(read_keyboard(arguments))
    check_keyboard(keyboard)
    assert keyboard == {
        "inline_keyboard": [
            [{"text": "Open", "url": "http://example.com/"}, {"text": "Yes", "callback_data": "я" * 32}],
        ],
    }


@pytest.mark.parametrize(
    ("button", "fault"),
    [
        ({"text": "x"}, BUTTON + "Text buttons are unallowed in the inline keyboard"),
        ({"text": "x", "callback_data": ""}, BUTTON + "Text buttons are unallowed in the inline keyboard"),
        ({"url": "example.com"}, BUTTON + 'Can\'t find field "text"'),
        ("x", BUTTON + "InlineKeyboardButton must be an Object"),
        ({"text": "x", "web_app": "https://example.com"}, BUTTON + 'Field "web_app" must be of type Object'),
        ({"text": "x", "copy_text": {}}, BUTTON + 'Can\'t find field "text"'),
        ({"text": True}, BUTTON + 'Field "text" must be of type String'),
    ],
)
def test_a_malformed_button_is_refused_before_the_chat_is_looked_at(button: object, fault: str) -> None:
    """What the Bot API server checks by itself is refused while the markup is read."""
    with pytest.raises(BadRequestError) as refusal:
        read_keyboard(markup(button))
    assert refusal.value.description == f"Bad Request: {fault}"


@pytest.mark.parametrize(
    ("button", "fault"),
    [
        (
            {"text": "x", "url": "not-a-url"},
            "inline keyboard button URL 'not-a-url' is invalid: Wrong HTTP URL",
        ),
        (
            {"text": "x", "url": "http://localhost:8080/a"},
            "inline keyboard button URL 'http://localhost:8080/a' is invalid: Wrong HTTP URL",
        ),
        (
            {"text": "x", "url": "ftp://example.com"},
            "inline keyboard button URL 'ftp://example.com' is invalid: Unsupported URL protocol",
        ),
        (
            {"text": "x", "web_app": {"url": "http://example.com"}},
            "inline keyboard button Web App URL 'http://example.com' is invalid: Only HTTPS links are allowed",
        ),
        (
            {"text": "x", "url": "http://example.com:0"},
            "inline keyboard button URL 'http://example.com:0' is invalid: Wrong port number specified in the URL",
        ),
        (
            {"text": "x", "url": "tg:a.b"},
            "inline keyboard button URL 'tg:a.b' is invalid: Unallowed characters in URL host",
        ),
        (
            {"text": "x", "login_url": {"url": ""}},
            "inline keyboard button login URL '' is invalid: URL host is empty",
        ),
    ],
)
def test_a_wrong_link_is_refused_once_the_chat_is_known(button: object, fault: str) -> None:
    """A link is not looked at while the markup is read: the real server finds the chat first."""
    keyboard = read_keyboard(markup(button))
    with pytest.raises(BadRequestError) as refusal:
        with_checked_links(keyboard)
    assert refusal.value.description == f"Bad Request: {fault}"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://EXAMPLE.com?a b", "https://example.com/?a%20b"),
        ("https://u:p@example.com:0443/x#y", "https://u:p@example.com:443/x#y"),
        ("http://[::1]/", "http://[::1]/"),
        ("TG:resolve?domain=x", "tg://resolve?domain=x"),
        ("tg://user?id=77&x=1", "tg://user?id=77"),
        ("пример.рф", "http://пример.рф/"),
    ],
)
def test_a_link_is_completed(url: str, link: str) -> None:
    """A button shows its link as Telegram writes it."""
    assert with_checked_links(read_keyboard(markup({"text": "x", "url": url}))) == {
        "inline_keyboard": [[{"text": "x", "url": link}]],
    }


@pytest.mark.parametrize(
    ("button", "code"),
    [
        ({"text": "x", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "url": "https://example..com/"}, "BUTTON_URL_INVALID"),
        ({"text": "x", "pay": True}, "BUTTON_TYPE_INVALID"),
    ],
)
def test_a_wrong_button_is_refused_by_telegram_at_last(button: object, code: str) -> None:
    """Over 64 bytes of data and links that only Telegram refuses are upper-case codes."""
    keyboard = with_checked_links(read_keyboard(markup(button)))
    with pytest.raises(BadRequestError) as refusal:
        check_keyboard(keyboard)
    assert refusal.value.description == f"Bad Request: {code}"


@pytest.mark.parametrize(
    ("reply_markup", "fault"),
    [
        ("null", "object expected as reply markup"),
        ('{"keyboard": ["bad"]}', 'field "keyboard" must be an Array of Arrays'),
        ('{"force_reply": 1}', 'field "force_reply" must be of type Boolean'),
        ("{", "can't parse reply keyboard markup JSON object"),
        ("[]", "object expected as reply markup"),
        ('{"inline_keyboard": "bad"}', 'field "inline_keyboard" must be of type Array'),
        (
            '{"inline_keyboard": ["bad"]}',
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        ),
    ],
)
def test_markup_that_is_none_is_refused(reply_markup: str, fault: str) -> None:
    """The markup must be an object, its keyboard an array of arrays."""
    with pytest.raises(BadRequestError) as refusal:
        read_keyboard({"reply_markup": reply_markup})
    assert refusal.value.description == f"Bad Request: {fault}"


def test_other_keyboards_are_taken_and_not_kept() -> None:
    """A reply keyboard is no part of the message."""
    assert read_keyboard({"reply_markup": '{"remove_keyboard": true}'}) is None
