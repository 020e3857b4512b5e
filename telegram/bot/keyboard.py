"""Buttons under the bot's messages, and the data by which their taps come back."""

from collections.abc import Sequence

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from telegram.bot.phrase import Phrase
from telegram.bot.words import Words
from telegram.message import MUTE_DATA, MuteButton

STOP = "stop:"
"""The answer to /stop follows: yes or no."""
DISCONNECT = "bye:"
"""The same, asked by a button of the settings."""
PAGE = "set:"
"""A page of the settings follows."""
ON, OFF = "on:", "off:"
"""A category follows."""
QUIET = "quiet:"
"""What quiet hours do follows."""
ZONE = "zone:"
"""Whole hours ahead of UTC follow."""
LANGUAGE = "lang:"
"""A language of the catalog follows; nothing: the application's word for it holds."""
MUTE, UNMUTE = MUTE_DATA, "unmute:"
"""A category follows; these stand under delivered messages."""

YES, NO = "yes", "no"

Rows = list[list[InlineKeyboardButton]]


def button(text: str, data: str) -> InlineKeyboardButton:
    """Make a button."""
    return InlineKeyboardButton(text=text, callback_data=data)


def markup(rows: Rows) -> InlineKeyboardMarkup:
    """Make a keyboard."""
    return InlineKeyboardMarkup(inline_keyboard=rows)


def rows_of(buttons: Sequence[InlineKeyboardButton], width: int) -> Rows:
    """Lay buttons out in rows."""
    return [list(buttons[start : start + width]) for start in range(0, len(buttons), width)]


def yes_or_no(words: Words, data: str) -> InlineKeyboardMarkup:
    """Ask whether to disconnect."""
    return markup(
        [[button(words.plain(Phrase.BUTTON_YES), data + YES), button(words.plain(Phrase.BUTTON_NO), data + NO)]]
    )


def muting(category: str, name: str) -> InlineKeyboardButton:
    """Make the button that switches a category off again."""
    mute = MuteButton(category, name)
    return button(mute.text, mute.data)


def unmuting(words: Words, category: str, name: str) -> InlineKeyboardButton:
    """Make the button that switches a category on again."""
    return button(words.plain(Phrase.BUTTON_UNMUTE, category=name), UNMUTE + category)


def exchanged(
    keyboard: InlineKeyboardMarkup, category: str, new: InlineKeyboardButton | None
) -> InlineKeyboardMarkup | None:
    """Put another button, or none, into the place of a category's; None where nothing changes."""
    old = {MUTE + category, UNMUTE + category}
    rows = [
        [new if one.callback_data in old else one for one in row if one.callback_data not in old or new is not None]
        for row in keyboard.inline_keyboard
    ]
    changed = markup([[one for one in row if one is not None] for row in rows if row])
    return None if changed == keyboard else changed
