import time
from typing import Any

import pytest
from aiogram.types import CallbackQuery, ChatMemberBanned, ChatMemberLeft, ChatMemberMember, Update

from telegram.simulator import DEVELOPMENT_TOKEN
from telegram.simulator.callback_query import ANSWERABLE_SECONDS
from tests.integration.test_simulator import Client
from tests.integration.test_simulator_update import client, get, say, shared_client

__all__ = ["client", "shared_client"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOT_ID = 1000000001
BOT = {"id": BOT_ID, "is_bot": True, "first_name": "Vestnik", "username": "vestnik_1000000001_bot"}
ANNA = {"id": 42, "is_bot": False, "first_name": "Анна", "language_code": "en"}
STALE = "Bad Request: query is too old and response timeout expired or query ID is invalid"
KEYBOARD = {"inline_keyboard": [[{"text": "A", "callback_data": "a"}, {"text": "L", "url": "https://example.org"}]]}
GROUP = -1001234567890


async def one(client: Client, **arguments: Any) -> dict[str, Any]:
    """Give the only update, after aiogram could read it."""
    (update,) = await get(client, **arguments)
    Update.model_validate(update)
    found: dict[str, Any] = update
    return found


async def tapped(client: Client, message_id: int = 1, data: str = "a") -> Any:
    """Tap a button of chat 42."""
    status, answer = await client.order("POST", "chats/42/tap", {"message_id": message_id, "data": data})
    assert status == 200, answer
    return answer


async def test_what_a_person_says_is_a_message_update(client: Client) -> None:
    """The bot gets the person's message with its sender, its chat and the commands in it, and the chat shows it."""
    await client.put_chat(42, username="anna", language_code="ru")
    (number,) = await say(client, "😀 /start abc_DEF")
    update = await one(client)
    date = update["message"].pop("date")
    assert update == {
        "update_id": number,
        "message": {
            "message_id": 1,
            "from": ANNA | {"username": "anna", "language_code": "ru"},
            "chat": {"id": 42, "first_name": "Анна", "username": "anna", "type": "private"},
            "text": "😀 /start abc_DEF",
            "entities": [{"offset": 3, "length": 6, "type": "bot_command"}],
        },
    }
    (seen,) = await client.read("chats/42/messages")
    assert (seen["from"], seen["text"], seen["date"], seen["sender"]["id"]) == ("person", "😀 /start abc_DEF", date, 42)


async def test_the_bots_and_the_persons_messages_share_their_numbers(client: Client) -> None:
    """Message ids grow by one within the chat, whoever writes; a person's text is no duplicate of the bot's."""
    await say(client, "a")
    await client.send(42, "a")
    await say(client, "a")
    seen = await client.read("chats/42/messages")
    assert [(each["message_id"], each["from"]) for each in seen] == [(1, "person"), (2, "bot"), (3, "person")]
    counters = await client.read("counters")
    assert (counters["delivered"], counters["duplicates"]) == (1, 0)


async def test_who_never_started_the_bot_starts_it_by_writing(client: Client) -> None:
    """The first message opens the chat, without any other update."""
    await client.put_chat(42, state="none")
    await say(client, "/start")
    assert (await one(client))["message"]["text"] == "/start"
    assert (await client.send(42, "welcome"))[0] == 200


async def test_who_has_blocked_the_bot_unblocks_it_by_writing(client: Client) -> None:
    """First the bot hears that it is unblocked, then what is said."""
    await client.put_chat(42, state="blocked")
    await get(client, offset=-1)
    await say(client, "/start")
    first, second = (await get(client))[-2:]
    assert first["my_chat_member"]["new_chat_member"] == {"user": BOT, "status": "member"}
    assert second["message"]["text"] == "/start"
    assert (await client.send(42, "welcome back"))[0] == 200


async def test_blocking_and_unblocking_are_told(client: Client) -> None:
    """Both ways are a my_chat_member update; making a chat, or the same state again, is none."""
    before = int(time.time())
    for state in ("started", "blocked", "blocked", "started", "none", "started"):
        await client.put_chat(42, state=state)
    blocked, unblocked = await get(client)
    member, kicked = {"user": BOT, "status": "member"}, {"user": BOT, "status": "kicked", "until_date": 0}
    changed = dict(blocked["my_chat_member"])
    assert before <= changed.pop("date") <= time.time()
    assert changed == {
        "chat": {"id": 42, "first_name": "Анна", "type": "private"},
        "from": ANNA,
        "old_chat_member": member,
        "new_chat_member": kicked,
    }
    back = unblocked["my_chat_member"]
    assert (back["old_chat_member"], back["new_chat_member"]) == (kicked, member)
    read = [Update.model_validate(update).my_chat_member for update in (blocked, unblocked)]
    assert [type(each and each.new_chat_member) for each in read] == [ChatMemberBanned, ChatMemberMember]


async def test_a_group_lets_the_bot_in_and_throws_it_out(client: Client) -> None:
    """Kicked, added and left are told with the group's chat; the bot leaving by itself names the bot."""
    await client.put_chat(GROUP, name="Team")
    await client.put_chat(GROUP, state="kicked")
    await client.put_chat(GROUP, state="started")
    assert (await client.call("leaveChat", chat_id=GROUP))[1]["result"] is True
    changes = [Update.model_validate(update).my_chat_member for update in await get(client)]
    news = [type(change and change.new_chat_member) for change in changes]
    assert news == [ChatMemberBanned, ChatMemberMember, ChatMemberLeft]
    assert [change and change.from_user.is_bot for change in changes] == [False, False, True]
    assert {change and change.chat.type for change in changes} == {"supergroup"}
    _, answer = await client.send(GROUP, "x")
    assert answer["description"] == "Forbidden: bot is not a member of the supergroup chat"


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("hello", 0),
        ("/start abc", 1),
        ("/start@vestnik_1000000001_bot abc", 1),
        ("/start@another_bot abc", 0),
    ],
)
async def test_in_a_group_the_bot_hears_its_commands_only(client: Client, text: str, heard: int) -> None:
    """The bot is in privacy mode: of what is said in a group it gets commands to it, or to any bot."""
    await client.put_chat(GROUP, name="Team")
    order = {"text": text, "from_id": 43, "from_name": "Борис"}
    assert (await client.order("POST", f"chats/{GROUP}/say", order))[0] == 200
    senders = [update["message"]["from"]["first_name"] for update in await get(client)]
    assert senders == ["Борис"] * heard
    member = await client.call("getChatMember", chat_id=GROUP, user_id=43)
    assert (member[1]["result"]["user"]["first_name"], member[1]["result"]["status"]) == ("Борис", "member")


async def test_in_a_group_the_bot_hears_replies_to_itself(client: Client) -> None:
    """A reply to the bot reaches it, with the message replied to and the topic."""
    await client.put_chat(GROUP, topics=[7])
    await client.send(GROUP, "question", message_thread_id=7)
    order = {"text": "answer", "reply_to_message_id": 1, "message_thread_id": 7}
    await client.order("POST", f"chats/{GROUP}/say", order)
    message = (await one(client))["message"]
    assert (message["reply_to_message"]["text"], message["reply_to_message"]["from"]) == ("question", BOT)
    assert (message["message_thread_id"], message["is_topic_message"]) == (7, True)


async def test_a_tap_is_a_callback_query_that_is_answered_once(client: Client) -> None:
    """The bot gets the tap with the message as it stands; the person sees the answer; a second one is refused."""
    await client.send(42, "choose", reply_markup=KEYBOARD)
    query_id = (await tapped(client))["callback_query_id"]
    query = (await one(client))["callback_query"]
    assert (query["id"], query["from"], query["data"]) == (query_id, ANNA, "a")
    message = query["message"]
    assert (message["message_id"], message["text"], message["from"]) == (1, "choose", BOT)
    assert message["reply_markup"]["inline_keyboard"][0][0] == {"text": "A", "callback_data": "a"}
    assert CallbackQuery.model_validate(query).chat_instance
    (seen,) = await client.read("chats/42/callbacks")
    assert (seen["callback_query_id"], seen["answered"], seen["text"]) == (query_id, False, "")
    answer = {"callback_query_id": query_id, "text": "Done", "show_alert": True}
    assert (await client.call("answerCallbackQuery", **answer))[1] == {"ok": True, "result": True}
    (seen,) = await client.read("chats/42/callbacks")
    assert (seen["answered"], seen["text"], seen["show_alert"], seen["data"]) == (True, "Done", True, "a")
    status, refusal = await client.call("answerCallbackQuery", callback_query_id=query_id)
    assert (status, refusal["description"]) == (400, STALE)


async def test_an_unknown_or_old_query_is_too_old(client: Client) -> None:
    """What nobody waits for any more is refused in Telegram's words; so is a text of more than 200 characters."""
    await client.send(42, "choose", reply_markup=KEYBOARD)
    query_id = (await tapped(client))["callback_query_id"]
    long = await client.call("answerCallbackQuery", callback_query_id=query_id, text="x" * 201)
    assert long[1]["description"] == "Bad Request: MESSAGE_TOO_LONG"
    client.simulator.world.chats[42].taps[0].asked_at -= ANSWERABLE_SECONDS + 1
    for wrong in (query_id, "1", ""):
        assert (await client.call("answerCallbackQuery", callback_query_id=wrong))[1]["description"] == STALE


@pytest.mark.parametrize(
    ("path", "order", "refusal"),
    [
        ("42/say", {"text": " \n "}, (422, "Bad Request: text must be non-empty")),
        ("42/say", {"text": "x" * 4097}, (422, "Bad Request: message is too long")),
        ("42/say", {"text": "x", "from_id": 43}, (422, "chat 42 is private: nobody else is in it")),
        ("42/say", {"text": "x", "reply_to_message_id": 9}, (404, "no message 9 in chat 42")),
        ("42/say", {"text": "x", "message_thread_id": 9}, (404, "no topic 9 in chat 42")),
        ("41/say", {"text": "x"}, (404, "no chat 41")),
        ("44/say", {"text": "x"}, (422, "chat 44 is deactivated: there is nobody to write")),
        ("-45/say", {"text": "x"}, (422, "the bot is not in chat -45")),
        ("-46/say", {"text": "x"}, (422, "chat -46 has become chat -1009999999999")),
        ("42/tap", {"message_id": 2, "data": "a"}, (404, "no message 2 in chat 42")),
        ("42/tap", {"message_id": 1, "data": "b"}, (404, "no button with this data under message 1")),
        ("41/tap", {"message_id": 1, "data": "a"}, (404, "no chat 41")),
    ],
)
async def test_what_a_person_cannot_do_is_refused(
    client: Client,
    path: str,
    order: object,
    refusal: tuple[int, str],
) -> None:
    """A wrong order says what is wrong and changes nothing."""
    await client.put_chat(44, state="deactivated")
    await client.put_chat(-45, type="group", state="kicked")
    await client.put_chat(-46, type="group", migrate_to=-1009999999999)
    await client.send(42, "choose", reply_markup=KEYBOARD)
    status, answer = await client.order("POST", f"chats/{path}", order)
    assert (status, answer["detail"]) == refusal
    assert await get(client) == []


async def test_who_has_blocked_the_bot_cannot_tap(client: Client) -> None:
    """Only an open chat has buttons."""
    await client.send(42, "choose", reply_markup=KEYBOARD)
    await client.put_chat(42, state="blocked")
    status, answer = await client.order("POST", "chats/42/tap", {"message_id": 1, "data": "a"})
    assert (status, answer["detail"]) == (422, "chat 42 is blocked: nobody can tap there")


async def test_a_group_that_becomes_a_supergroup_says_so_in_both_chats(client: Client) -> None:
    """The old chat tells the new number and the new one the old."""
    await client.put_chat(-45, name="Team")
    await client.put_chat(-45, migrate_to=GROUP)
    messages = [Update.model_validate(update).message for update in await get(client)]
    told = [(each.chat.id, each.migrate_to_chat_id, each.migrate_from_chat_id) for each in messages if each]
    assert told == [(-45, GROUP, None), (GROUP, None, -45)]


async def test_the_bots_are_shown_with_what_waits_for_them(client: Client) -> None:
    """Who looks from outside sees whether a bot listens, and never its token."""
    await say(client, "a")
    assert (await client.read("bots"))[0] == {
        "bot_id": BOT_ID,
        "username": "vestnik_1000000001_bot",
        "polls": False,
        "webhook": "",
        "pending_update_count": 1,
    }


async def test_half_a_character_is_no_answer(client: Client) -> None:
    """A lone surrogate is refused, and the tap stays to be answered."""
    await client.send(42, "choose", reply_markup=KEYBOARD)
    query_id = (await tapped(client))["callback_query_id"]
    body = f'{{"callback_query_id": "{query_id}", "text": "\\ud83d"}}'
    url = f"{client.simulator.url}/bot{DEVELOPMENT_TOKEN}/answerCallbackQuery"
    async with client.http.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert (await answer.json())["description"] == "Bad Request: strings must be encoded in UTF-8"
    assert (await client.read("chats/42/callbacks"))[0]["answered"] is False
