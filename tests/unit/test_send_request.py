"""What leaves for the Bot API is byte for byte what aiogram would send for the same message."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, cast

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.methods import EditMessageText, SendMessage, TelegramMethod
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from hypothesis import given
from hypothesis import strategies as st

from outbox.catalog.load import load
from telegram.message import Button, Message, MuteButton, compose
from telegram.send_request import SendRequest
from telegram.verdict import Degrade
from workers.demo.sample_stream import CATALOG

AIOGRAM = AiohttpSession()
BOT = Bot("4242:token", session=AIOGRAM)
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


def keyboard(message: Message) -> InlineKeyboardMarkup | None:
    """Make aiogram's buttons."""
    rows = []
    if message.button is not None:
        rows.append([InlineKeyboardButton(text=message.button.text, url=message.button.url)])
    if message.mute is not None:
        rows.append([InlineKeyboardButton(text=message.mute.text, callback_data=message.mute.data)])
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


def method_of(letter: SendRequest, *, paid: bool) -> SendMessage | EditMessageText:
    """Put a letter into aiogram's words."""
    message = letter.message
    if letter.edits is not None:
        return EditMessageText(
            chat_id=letter.chat_id,
            message_id=letter.edits,
            text=message.text,
            parse_mode=message.parse_mode,
            link_preview_options=NO_PREVIEW,
            reply_markup=keyboard(message),
        )
    return SendMessage(
        chat_id=letter.chat_id,
        text=message.text,
        message_thread_id=letter.thread_id,
        parse_mode=message.parse_mode,
        link_preview_options=NO_PREVIEW,
        disable_notification=letter.silent or None,
        protect_content=message.protect_content or None,
        allow_paid_broadcast=paid or None,
        reply_markup=keyboard(message),
    )


def assert_aiograms(letter: SendRequest, *, paid: bool) -> None:
    """Compare method, content type and body."""
    call = letter.to_call(paid=paid)
    method = method_of(letter, paid=paid)
    form = AIOGRAM.build_form_data(BOT, cast("TelegramMethod[Any]", method))()
    assert call.method == method.__api_method__
    assert call.body.headers == form.headers
    assert call.body.decode() == form.decode()


# what PostgreSQL stores and UTF-8 can write
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
BIGINTS = st.integers(-(2**63), 2**63 - 1)
MESSAGES = st.builds(
    Message,
    text=TEXTS,
    button=st.none() | st.builds(Button, TEXTS, TEXTS),
    mute=st.none() | st.builds(MuteButton, TEXTS, TEXTS),
    protect_content=st.booleans(),
    parse_mode=st.sampled_from(["HTML", None]),
)
LETTERS = st.builds(
    SendRequest,
    chat_id=BIGINTS,
    message=MESSAGES,
    thread_id=st.none() | BIGINTS,
    silent=st.booleans(),
    edits=st.none() | BIGINTS,
    request_id=st.none() | TEXTS,
)


@given(LETTERS, st.booleans())
def test_any_letter_leaves_as_aiogram_would_send_it(letter: SendRequest, paid: bool) -> None:  # noqa: FBT001 (generated)
    """Whatever a text, a button, an address, a topic or a chat may be."""
    assert_aiograms(letter, paid=paid)


def messages() -> Iterator[Message]:
    """Compose every type of the marketplace in every language, and all that Telegram may make us send instead."""
    catalog = load(CATALOG)
    for (name, known), language in product(catalog.types.items(), catalog.languages):
        yield compose(catalog, name, language, known.sample)


@pytest.mark.parametrize("degrade", [None, *Degrade])
def test_every_text_of_the_sample_leaves_as_aiogram_would_send_it(degrade: Degrade | None) -> None:
    """Each type in each language, new and as an edit, whole and without what Telegram has refused."""
    for message in messages():
        whole = SendRequest(1001, message, thread_id=7, silent=True)
        letter = whole if degrade is None else whole.without(degrade)
        for edits, paid in product((None, 12), (False, True)):
            assert_aiograms(replace(letter, edits=edits), paid=paid)
