"""/stop, and the button of the settings that does the same: unlinks the chat after a question."""

from aiogram.types import CallbackQuery, Message

from outbox.delivery.outcome import Reason
from outbox.link import chat_link
from outbox.link.chat_link import How
from telegram.bot.keyboard import DISCONNECT, STOP, YES, yes_or_no
from telegram.bot.phrase import Phrase
from telegram.bot.update_context import Replies, UpdateContext, toast


async def ask(_message: Message, visit: UpdateContext) -> Replies:
    """Ask whether the chat shall be unlinked."""
    words = visit.words
    if visit.link is None:
        return [visit.say(words.html(Phrase.NOT_LINKED))]
    return [visit.say(words.html(Phrase.STOP_QUESTION), yes_or_no(words, STOP))]


async def decide(query: CallbackQuery, visit: UpdateContext) -> Replies:
    """Unlink the chat, or leave it linked, as the person has answered."""
    words, data = visit.words, query.data or ""
    if visit.link is None:
        return [toast(query), visit.rewrite(query, words.html(Phrase.NOT_LINKED))]
    if not data.endswith(YES):
        return [toast(query), visit.rewrite(query, words.html(Phrase.STOP_KEPT))]
    how = How.BUTTON if data.startswith(DISCONNECT) else How.STOP
    if given_up := await chat_link.disconnect(visit.conn, visit.link, how):
        visit.note("chat_unlinked", how)
        visit.note_skipped(given_up.skipped, Reason.NO_LINK)
    return [toast(query), visit.rewrite(query, words.html(Phrase.STOP_DONE))]
