"""One update of Telegram's, read by itself: one that cannot be read spoils no other."""

from dataclasses import dataclass

from aiogram import Bot
from aiogram.types import (
    CallbackQuery,
    ChatMemberAdministrator,
    ChatMemberRestricted,
    ChatMemberUpdated,
    Message,
    Update,
)
from pydantic import ValidationError

KINDS = ("message", "callback_query", "my_chat_member")
"""What is asked for."""
OTHER = "other"
RIGHTS = {
    status: {name: False for name, known in kind.model_fields.items() if known.annotation is bool}
    for status, kind in (("administrator", ChatMemberAdministrator), ("restricted", ChatMemberRestricted))
}
BIGINT = 2**63
"""What no id reaches that a row could hold."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An update, and where it belongs."""

    update: Update
    kind: str
    """One of `KINDS`, or `OTHER`."""
    chat_id: int
    """The chat in which it happened, or whoever made it happen."""
    code: str | None
    """The language of their Telegram."""
    thread_id: int | None = None
    """The topic in which it was said."""


def update_id_of(raw: object) -> int | None:
    """Read an update's number, which even one that cannot be read otherwise has."""
    number = raw.get("update_id") if isinstance(raw, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < BIGINT else None


def read_update(raw: object, bot: Bot) -> Incoming | None:
    """Read an update; None for one that is none. Fields that nobody knows are nobody's concern."""
    if update_id_of(raw) is None:
        return None
    try:
        update = Update.model_validate(complete(raw), context={"bot": bot})
    except (ValidationError, OverflowError, OSError):  # a date beyond the calendar is no ValidationError
        return None
    incoming = _place(update)
    return incoming if abs(incoming.chat_id) < BIGINT else None


def complete(raw: object) -> object:
    """Add to a bot's rights in a chat those that a server does not know yet: it has none of them.

    aiogram requires every right of the newest Bot API, and servers that people run themselves are older.
    """
    event = raw.get("my_chat_member") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(event, dict):
        return raw
    members = {name: _with_rights(event[name]) for name in ("old_chat_member", "new_chat_member") if name in event}
    return {**raw, "my_chat_member": {**event, **members}}


def _with_rights(member: object) -> object:
    if not isinstance(member, dict):
        return member
    return {**RIGHTS.get(str(member.get("status")), {}), **member}


def _place(update: Update) -> Incoming:
    match update:
        case Update(message=Message() as message):
            thread = message.message_thread_id if message.is_topic_message else None
            code = message.from_user.language_code if message.from_user else None
            return Incoming(update, "message", message.chat.id, code, thread)
        case Update(callback_query=CallbackQuery() as query):
            chat_id = query.message.chat.id if query.message else query.from_user.id
            return Incoming(update, "callback_query", chat_id, query.from_user.language_code)
        case Update(my_chat_member=ChatMemberUpdated() as event):
            return Incoming(update, "my_chat_member", event.chat.id, event.from_user.language_code)
        case _:
            return Incoming(update, OTHER, 0, None)
