"""The buttons under the bot's messages."""

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from telegram.bot.keyboard import (
    DISCONNECT,
    LANGUAGE,
    MUTE,
    OFF,
    ON,
    PAGE,
    QUIET,
    STOP,
    UNMUTE,
    ZONE,
    button,
    exchanged,
    markup,
    muting,
    rows_of,
    unmuting,
)
from telegram.bot.words import words_of

LONGEST_CATEGORY = "c" * 40
OPEN = InlineKeyboardButton(text="Open", url="https://market.example/1")
OTHER = button("Other", "mute:jobs")


def shown(keyboard: InlineKeyboardMarkup | None) -> list[list[str | None]]:
    """Give the data and addresses of the buttons."""
    assert keyboard is not None
    return [[one.callback_data or one.url for one in row] for row in keyboard.inline_keyboard]


def test_no_prefix_begins_another() -> None:
    """A tap means one thing."""
    prefixes = [STOP, DISCONNECT, PAGE, ON, OFF, QUIET, ZONE, LANGUAGE, MUTE, UNMUTE]
    assert not [(one, other) for one in prefixes for other in prefixes if one is not other and other.startswith(one)]


def test_data_is_as_short_as_telegram_wants() -> None:
    """64 bytes, with the longest category that a catalog can have."""
    assert all(len((prefix + LONGEST_CATEGORY).encode()) <= 64 for prefix in (ON, OFF, MUTE, UNMUTE))


def test_a_mute_button_gives_way_to_its_opposite() -> None:
    """In its place; all other buttons stay where they are."""
    keyboard = markup([[OPEN], [muting("money", "Money"), OTHER]])
    changed = exchanged(keyboard, "money", unmuting(words_of("en"), "money", "Money"))
    assert shown(changed) == [["https://market.example/1"], ["unmute:money", "mute:jobs"]]


def test_a_button_without_a_category_goes_away() -> None:
    """With the row that it stood in alone."""
    changed = exchanged(markup([[OPEN], [muting("money", "Money")]]), "money", None)
    assert shown(changed) == [["https://market.example/1"]]


def test_what_stays_the_same_is_no_change() -> None:
    """Telegram refuses an edit that changes nothing."""
    assert exchanged(markup([[OPEN]]), "money", None) is None
    mute = muting("money", "Money")
    assert exchanged(markup([[mute]]), "money", mute) is None


def test_rows() -> None:
    """The last row may be shorter."""
    buttons = [button(str(number), "x") for number in range(5)]
    assert [len(row) for row in rows_of(buttons, 3)] == [3, 2]
