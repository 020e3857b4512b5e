import time
from typing import Any

import pytest
from aiogram.types import Message

from tests.integration.test_simulator import Client, client_of
from tests.integration.test_simulator_update import client, say, shared_client

__all__ = ["client", "shared_client"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYBOARD = {"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]}
OTHER = {"inline_keyboard": [[{"text": "B", "callback_data": "b"}]]}
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


async def fault(client: Client, method: str, **arguments: Any) -> str:
    """Make a call that is refused; give the reason."""
    status, answer = await client.call(method, **arguments)
    assert status == 400, answer
    description: str = answer["description"]
    return description


async def test_buttons_are_changed_and_taken_away(client: Client) -> None:
    """Buttons change alone: the text stays and is not marked as edited."""
    await client.send(42, "text", reply_markup=KEYBOARD)
    _, answer = await client.call("editMessageReplyMarkup", chat_id=42, message_id=1, reply_markup=OTHER)
    assert Message.model_validate(answer["result"]).edit_date is None
    (seen,) = await client.read("chats/42/messages")
    assert (seen["text"], seen["reply_markup"], seen["edited"]) == ("text", OTHER, False)
    await client.call("editMessageReplyMarkup", chat_id=42, message_id=1)
    assert (await client.read("chats/42/messages"))[0]["reply_markup"] is None


@pytest.mark.parametrize("method", ["editMessageText", "editMessageReplyMarkup"])
async def test_what_cannot_be_edited_is_refused(client: Client, method: str) -> None:
    """A message that is not there, unchanged, or not the bot's own, and a call without a number."""
    await client.send(42, "text", reply_markup=KEYBOARD)
    await say(client, "mine")
    same = {"text": "text", "reply_markup": KEYBOARD}
    assert await fault(client, method, chat_id=42, message_id=1, **same) == NOT_MODIFIED
    assert await fault(client, method, chat_id=42, message_id=9, **same) == "Bad Request: message to edit not found"
    assert await fault(client, method, chat_id=42, message_id=2, **same) == "Bad Request: message can't be edited"
    assert await fault(client, method, **same) == "Bad Request: message identifier is not specified"
    assert await fault(client, method, chat_id=43, message_id=1, **same) == "Bad Request: chat not found"


@pytest.mark.parametrize("method", ["editMessageText", "editMessageReplyMarkup"])
async def test_edits_are_counted_against_the_limits(method: str) -> None:
    """After too many edits of one chat comes a 429."""
    async with client_of(chat_rate=0.01, longest_hold=0) as client:
        await client.put_chat(42)
        began = time.monotonic()
        await client.send(42, "text")
        arguments: dict[str, Any] = {"chat_id": 42, "message_id": 1, "text": "new", "reply_markup": KEYBOARD}
        status, answer = await client.call(method, **arguments)
        took = time.monotonic() - began
        words, _, seconds = answer["description"].rpartition(" ")
        assert (status, words) == (429, "Too Many Requests: retry after")
        assert 100 - took <= int(seconds) <= 100


async def test_a_deleted_message_is_gone_and_its_number_with_it(client: Client) -> None:
    """Nobody sees it, nothing can be done with it, and the next message takes a new number."""
    await client.send(42, "a")
    await say(client, "b")
    await client.send(42, "c")
    for number in (2, 3):
        assert (await client.call("deleteMessage", chat_id=42, message_id=number))[1]["result"] is True
    assert await fault(client, "deleteMessage", chat_id=42, message_id=2) == "Bad Request: message to delete not found"
    assert await fault(client, "deleteMessage", chat_id=42) == "Bad Request: message identifier is not specified"
    assert await fault(client, "editMessageText", chat_id=42, message_id=3, text="x") == (
        "Bad Request: message to edit not found"
    )
    _, answer = await client.send(42, "d")
    assert answer["result"]["message_id"] == 4
    assert await client.texts(42) == ["a", "d"]
    await client.call("deleteMessages", chat_id=42, message_ids=[1, 2, 4])
    assert await client.texts(42) == []


async def test_others_messages_in_a_group_cannot_be_deleted(client: Client) -> None:
    """The bot is no administrator."""
    await client.put_chat(-45, type="group")
    await client.order("POST", "chats/-45/say", {"text": "mine"})
    assert await fault(client, "deleteMessage", chat_id=-45, message_id=1) == "Bad Request: message can't be deleted"


async def test_a_sent_message_tells_its_topic_its_reply_and_its_protection(client: Client) -> None:
    """The answer says what was asked for, as Telegram writes it."""
    await client.put_chat(-1001234567890, topics=[7])
    await client.send(-1001234567890, "first")
    _, answer = await client.send(
        -1001234567890,
        "second",
        message_thread_id=7,
        reply_parameters={"message_id": 1},
        protect_content=True,
    )
    message = Message.model_validate(answer["result"])
    assert (message.message_thread_id, message.is_topic_message, message.has_protected_content) == (7, True, True)
    assert message.reply_to_message is not None
    assert message.reply_to_message.text == "first"
    seen = (await client.read("chats/-1001234567890/messages"))[1]
    assert (seen["reply_to_message_id"], seen["message_thread_id"]) == (1, 7)


async def test_commands_are_kept_by_scope_and_language(client: Client) -> None:
    """What was set is answered for the same scope and language only, until it is deleted."""
    english, russian = [{"command": "help", "description": "Help"}], [{"command": "help", "description": "Помощь"}]
    scope = {"type": "all_private_chats"}
    await client.call("setMyCommands", commands=english)
    await client.call("setMyCommands", commands=russian, language_code="ru", scope=scope)
    assert (await client.call("getMyCommands"))[1]["result"] == english
    assert (await client.call("getMyCommands", language_code="ru"))[1]["result"] == []
    assert (await client.call("getMyCommands", language_code="ru", scope=scope))[1]["result"] == russian
    await client.call("deleteMyCommands")
    assert (await client.call("getMyCommands"))[1]["result"] == []
    wrong = [{"command": "Help me", "description": "x"}]
    assert await fault(client, "setMyCommands", commands=wrong) == "Bad Request: BOT_COMMAND_INVALID"


async def test_small_methods_answer_true(client: Client) -> None:
    """A chat action, logOut and close are done; an unknown action is not."""
    assert (await client.call("sendChatAction", chat_id=42, action="typing"))[1] == {"ok": True, "result": True}
    assert (await client.call("close"))[1] == {"ok": True, "result": True}
    assert (await client.call("logOut"))[1] == {"ok": True, "result": True}
    assert await fault(client, "sendChatAction", chat_id=42, action="fly") == (
        "Bad Request: wrong parameter action in request"
    )


async def test_who_is_in_a_chat(client: Client) -> None:
    """In a private chat there are the bot and the person, and nobody else; a private chat cannot be left."""
    for user_id, status in ((1000000001, "member"), (42, "member")):
        _, answer = await client.call("getChatMember", chat_id=42, user_id=user_id)
        assert answer["result"]["status"] == status
    assert await fault(client, "getChatMember", chat_id=42, user_id=43) == "Bad Request: member not found"
    assert await fault(client, "getChatMember", chat_id=42) == "Bad Request: invalid user_id specified"
    assert await fault(client, "leaveChat", chat_id=42) == (
        "Bad Request: chat member status can't be changed in private chats"
    )
