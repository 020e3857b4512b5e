"""The button under a delivered message: one tap switches its category off, another one on again."""

from aiogram.methods import EditMessageReplyMarkup
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

from telegram.bot import keyboard
from telegram.bot.category import categories_of
from telegram.bot.phrase import Phrase
from telegram.bot.settings import switch_category
from telegram.bot.update_context import Replies, Reply, UpdateContext, toast


async def switch(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Switch the category of a message, and let its button offer the opposite."""
    words, data = visit.words, query.data or ""
    on = data.startswith(keyboard.UNMUTE)
    category = data.removeprefix(keyboard.UNMUTE if on else keyboard.MUTE)
    if visit.link is None:
        return [toast(query, words.plain(Phrase.TOAST_NOT_LINKED), alert=True)]
    if category not in categories_of(visit.catalog):
        gone = toast(query, words.plain(Phrase.TOAST_CATEGORY_GONE), alert=True)
        return [gone, *_exchange(query, visit, category, None)]
    await switch_category(visit, category, enabled=on)
    name = visit.language.categories[category]
    offer = keyboard.muting(category, name) if on else keyboard.unmuting(words, category, name)
    told = toast(query, words.plain(Phrase.TOAST_ON if on else Phrase.TOAST_OFF, category=name))
    return [told, *_exchange(query, visit, category, offer)]


async def refuse(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Let nobody in a group decide for the person to whom its messages belong."""
    return [toast(query, visit.words.plain(Phrase.TOAST_PRIVATE_ONLY), alert=True)]


async def forget(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Answer a button that means nothing any more."""
    return [toast(query, visit.words.plain(Phrase.TOAST_OLD_BUTTON), alert=True)]


def _exchange(
    query: CallbackQuery, visit: UpdateContext, category: str, button: InlineKeyboardButton | None
) -> list[Reply]:
    message = query.message
    # of a message that is too old Telegram does not show the buttons
    if not isinstance(message, Message) or message.reply_markup is None:
        return []
    changed = keyboard.exchanged(message.reply_markup, category, button)
    if changed is None:
        return []
    edit = EditMessageReplyMarkup(chat_id=visit.chat_id, message_id=message.message_id, reply_markup=changed)
    return [edit]
