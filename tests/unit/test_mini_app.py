"""A Mini App's `initData`: what Telegram has signed holds, and nothing else."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from aiogram.utils.web_app import check_webapp_signature
from hypothesis import given
from hypothesis import strategies as st

from telegram.mini_app import user_of

TOKEN, OTHER = "1000000001:AAtheTokenOfThisBotAndOfNoOther000", "1000000002:AAtheTokenOfAnotherBotAltogether000"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANNA = {"id": 4503599627370495, "first_name": "Анна & Co", "language_code": "ru"}


def signed(user: object = ANNA, age: timedelta = timedelta(0), token: str = TOKEN, **fields: str) -> str:
    """Sign what Telegram gives a Mini App, by the words of its documentation."""
    told = {
        "query_id": "AAHdF6IQAAAAAN0XohDhrOrc",
        "user": user if isinstance(user, str) else json.dumps(user, ensure_ascii=False),
        "auth_date": str(int((NOW - age).timestamp())),
        "signature": "third-party",
        **fields,
    }
    text = "\n".join(f"{name}={told[name]}" for name in sorted(told))
    key = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    return urlencode({**told, "hash": hmac.new(key, text.encode(), hashlib.sha256).hexdigest()})


def test_what_telegram_has_signed_holds() -> None:
    """It names the user, as aiogram sees it too."""
    assert check_webapp_signature(TOKEN, signed())
    assert user_of(signed(), TOKEN, NOW) == 4503599627370495


@pytest.mark.parametrize(
    ("age", "holds"),
    [
        (timedelta(minutes=60), True),
        (timedelta(minutes=60, seconds=1), False),
        (timedelta(days=365 * 60), False),
        (timedelta(seconds=-10), True),
        (timedelta(seconds=-11), False),
    ],
)
def test_it_holds_for_an_hour(age: timedelta, *, holds: bool) -> None:
    """Older data, or data from the future, is nobody's."""
    assert (user_of(signed(age=age), TOKEN, NOW) is not None) == holds


REFUSED = {
    "another bot's": signed(token=OTHER),
    "a field changed": signed().replace("4503599627370495", "4503599627370494"),
    "a field added": signed() + "&start_param=x",
    "a field twice": signed() + "&user=" + quote(json.dumps({"id": 1})),
    "the hash twice": signed() + "&hash=0",
    "no hash": signed().rpartition("&")[0],
    "a hash of letters": signed().rpartition("=")[0] + "=ä",
    "no user": urlencode({"auth_date": "1", "hash": "0"}),
    "user is no object": signed("[1]"),
    "user is no JSON": signed("{"),
    "user is as deep as a well": signed("[" * 40_000),
    "user has no id": signed({"first_name": "Anna"}),
    "id is text": signed({"id": "7"}),
    "id is true": signed({"id": True}),
    "id is a group's": signed({"id": -1001}),
    "id is huge": signed({"id": 2**52}),
    "auth_date is text": signed(auth_date="today"),
    "auth_date is huge": signed(auth_date="9" * 30),
    "auth_date is absurd": signed(auth_date="9" * 5000),
    "auth_date is empty": signed(auth_date=""),
    "half a character": "user=\ud800&hash=0",
    "no query at all": "hello",
    "nothing": "",
}


@pytest.mark.parametrize("init_data", REFUSED.values(), ids=REFUSED)
def test_what_telegram_has_not_signed_is_nobodys(init_data: str) -> None:
    """Whatever is wrong with it, the answer is the same, and no error."""
    assert user_of(init_data, TOKEN, NOW) is None


@given(st.text())
def test_no_text_is_an_error(init_data: str) -> None:
    """Whatever is sent is nobody's."""
    assert user_of(init_data, TOKEN, NOW) is None
