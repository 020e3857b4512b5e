"""Groups: they are linked by operators; what a person decides, they decide in their private chat."""

from aiogram.filters import CommandObject
from aiogram.types import Message

from outbox import binding
from outbox.binding import TOKEN
from telegram.bot.phrase import Phrase
from telegram.bot.update_context import Replies, UpdateContext


async def void_token(_message: Message, command: CommandObject, visit: UpdateContext) -> Replies:
    """Make a token worthless that everybody in the group has seen."""
    token = (command.args or "").strip()
    # in a group a bare command is said to every bot; what can be one of our tokens was meant for us
    if not command.mention and not TOKEN.fullmatch(token):
        return []
    await binding.void(visit.conn, token)
    visit.note("link_refused", "group")
    return [visit.say(visit.words.html(Phrase.GROUP_LINK))]


async def point(_message: Message, visit: UpdateContext) -> Replies:
    """Point to the private chat."""
    return [visit.say(visit.words.html(Phrase.GROUP_PRIVATE))]


async def tell(_message: Message, visit: UpdateContext) -> Replies:
    """Say whether the group is linked, and nothing about whose it is."""
    linked = visit.link is not None
    return [visit.say(visit.words.html(Phrase.GROUP_STATUS_LINKED if linked else Phrase.GROUP_STATUS_NOT_LINKED))]
