"""/start: links the chat by a one-time token, or says how that is done."""

from datetime import timedelta

from aiogram.filters import CommandObject
from aiogram.types import Message

from outbox import binding
from outbox.delivery.outcome import Reason
from outbox.link import chat_link, telegram_update
from outbox.link.chat_link import How, Linked
from telegram.bot.phrase import Phrase
from telegram.bot.update_context import Replies, Reply, UpdateContext

MOST_TRIES = 5
WITHIN = timedelta(minutes=10)
"""So many useless tokens may a chat bring in so much time: to guess one takes more."""


async def link_chat(_message: Message, command: CommandObject, visit: UpdateContext) -> Replies:
    """Link the chat to the person whom the token was made for."""
    if await telegram_update.failed_starts(visit.conn, visit.chat_id, WITHIN) >= MOST_TRIES:
        visit.note("link_refused", "too_many_tries")
        return [visit.say(visit.words.html(Phrase.TOO_MANY_TRIES))]
    recipient = await binding.consume(visit.conn, (command.args or "").strip())
    if recipient is None:
        return await _refuse(visit)
    linked = await chat_link.connect(visit.conn, recipient, visit.chat_id, How.START)
    visit.note("chat_linked", "renewed" if linked.renewed else None)
    if linked.displaced_recipient is not None:
        visit.note("chat_displaced")
        visit.note_skipped(linked.skipped, Reason.NO_LINK)
    return _welcome(await visit.look(), linked)


async def greet(message: Message, visit: UpdateContext) -> Replies:
    """Say how to link the chat; one that is linked takes messages again."""
    if visit.link is None:
        return [visit.say(visit.words.html(Phrase.WELCOME))]
    reopened = await chat_link.opened(visit.conn, visit.chat_id, message.date)
    if reopened:
        visit.note("chat_opened")
    return [visit.say(visit.words.html(Phrase.REOPENED if reopened else Phrase.LINKED_ALREADY))]


async def _refuse(visit: UpdateContext) -> Replies:
    """Answer the same whether a token is unknown, used or too old: who guesses learns nothing."""
    await telegram_update.note_failed_start(visit.conn, visit.bot_id, visit.update_id)
    visit.note("link_refused", "useless_token")
    text = visit.words.html(Phrase.LINK_USELESS)
    if visit.link is not None:
        text += "\n\n" + visit.words.html(Phrase.LINK_USELESS_LINKED)
    return [visit.say(text)]


def _welcome(visit: UpdateContext, linked: Linked) -> list[Reply]:
    phrase = Phrase.LINKED_ALREADY if linked.renewed else Phrase.LINKED
    replies = [visit.say(visit.words.html(phrase))]
    if linked.displaced_chat is not None:
        visit.note("chat_displaced")
        replies.append(visit.say(visit.words.html(Phrase.DISPLACED), chat_id=linked.displaced_chat))
    return replies
