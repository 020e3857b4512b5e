"""my_chat_member: Telegram tells that the bot was blocked or let in again, thrown out or silenced."""

from aiogram.enums import ChatMemberStatus, ChatType
from aiogram.types import ChatMemberAdministrator, ChatMemberRestricted, ChatMemberUpdated

from outbox.link import chat_link
from outbox.link.chat_state import LinkState
from telegram.bot.update_context import Replies, UpdateContext

GONE = frozenset({ChatMemberStatus.KICKED, ChatMemberStatus.LEFT})


async def follow(event: ChatMemberUpdated, visit: UpdateContext) -> Replies:
    """Write down whether the chat can be written to from then on."""
    state = state_of(event)
    if state is LinkState.ACTIVE:
        if await chat_link.opened(visit.conn, visit.chat_id, event.date):
            visit.note("chat_opened")
    elif given_up := await chat_link.closed(visit.conn, visit.chat_id, state, event.date):
        visit.note("chat_closed", state)
        visit.note_skipped(given_up.skipped, state)
    return []


def state_of(event: ChatMemberUpdated) -> LinkState:
    """Say what the chat is to us, now that the bot is this in it."""
    bot, kind = event.new_chat_member, event.chat.type
    if bot.status in GONE or (isinstance(bot, ChatMemberRestricted) and not bot.is_member):
        return LinkState.BLOCKED if kind == ChatType.PRIVATE else LinkState.UNREACHABLE
    if isinstance(bot, ChatMemberRestricted) and not bot.can_send_messages:
        return LinkState.SUSPENDED
    if kind == ChatType.CHANNEL and isinstance(bot, ChatMemberAdministrator) and not bot.can_post_messages:
        return LinkState.SUSPENDED
    return LinkState.ACTIVE
