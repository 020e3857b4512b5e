"""What becomes of a chat when the bot's place in it changes."""

from typing import Any

import pytest
from aiogram import Bot

from outbox.link.chat_state import LinkState
from telegram.bot.incoming import read_update
from telegram.bot.member import state_of

BOT = {"id": 42, "is_bot": True, "first_name": "B"}
RESTRICTED = {"status": "restricted", "until_date": 0}
ADMINISTRATOR = {"status": "administrator", "can_be_edited": False, "is_anonymous": False}
CLIENT = Bot("42:x")


@pytest.mark.parametrize(
    ("kind", "member", "state"),
    [
        ("private", {"status": "kicked", "until_date": 0}, LinkState.BLOCKED),
        ("private", {"status": "member"}, LinkState.ACTIVE),
        ("supergroup", {"status": "kicked", "until_date": 0}, LinkState.UNREACHABLE),
        ("group", {"status": "left"}, LinkState.UNREACHABLE),
        ("supergroup", {**RESTRICTED, "is_member": True, "can_send_messages": False}, LinkState.SUSPENDED),
        ("supergroup", {**RESTRICTED, "is_member": True, "can_send_messages": True}, LinkState.ACTIVE),
        ("supergroup", {**RESTRICTED, "is_member": False, "can_send_messages": True}, LinkState.UNREACHABLE),
        ("group", {"status": "member"}, LinkState.ACTIVE),
        ("supergroup", ADMINISTRATOR, LinkState.ACTIVE),
        ("channel", {**ADMINISTRATOR, "can_post_messages": True}, LinkState.ACTIVE),
        ("channel", {**ADMINISTRATOR, "can_post_messages": False}, LinkState.SUSPENDED),
    ],
)
def test_what_the_chat_is_then(kind: str, member: dict[str, Any], state: LinkState) -> None:
    """Gone, silenced or there, each in its kind of chat; of a server that does not know the newest rights."""
    event = {
        "chat": {"id": 7, "type": kind},
        "from": {"id": 8, "is_bot": False, "first_name": "A"},
        "date": 0,
        "old_chat_member": {**ADMINISTRATOR, "user": BOT},
        "new_chat_member": {**member, "user": BOT},
    }
    incoming = read_update({"update_id": 1, "my_chat_member": event}, CLIENT)
    assert incoming is not None
    assert incoming.update.my_chat_member is not None
    assert state_of(incoming.update.my_chat_member) is state
