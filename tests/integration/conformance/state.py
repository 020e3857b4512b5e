"""What each state of a chat answers, and how a chat is named."""

from tests.integration.conformance.row import (
    BLOCKED,
    CHANNEL,
    CLOSED_GROUP,
    CLOSED_TOPIC,
    DEAD,
    FORUM,
    GROUP,
    LARGEST_PERSON,
    NO_RIGHTS,
    NOBODY,
    OPEN_TOPIC,
    STRANGER,
    UPGRADED_GROUP,
    Call,
    Row,
    as_json,
    bad,
    message,
    refusal,
    to_person,
)

ACCESS, SERVER, THREAD = "Client::check_chat_access", "td on_send_message_fail", "Client::check_reply_parameters"
MISSING = "seen from Telegram"


def _forbidden(name: str, chat_id: int, fault: str, source: str = ACCESS) -> Row:
    return Row(name, as_json(chat_id=chat_id, text="x"), 403, refusal(403, f"Forbidden: {fault}"), source)


def _in_topic(topic: object) -> Call:
    return as_json(chat_id=FORUM, text="x", message_thread_id=topic)


LAST = {"id": LARGEST_PERSON, "first_name": "Last", "type": "private"}
FORUM_CHAT = {"id": FORUM, "title": "Forum", "type": "supergroup", "is_forum": True}
_CHATS = (
    Row(
        "a group",
        as_json(chat_id=GROUP, text="x"),
        200,
        message("x", {"id": GROUP, "title": "Group", "type": "group"}),
        "JsonChat",
    ),
    Row(
        "a channel",
        as_json(chat_id=CHANNEL, text="x"),
        200,
        message("x", {"id": CHANNEL, "title": "Channel", "type": "channel"}),
        "JsonMessage: sender_chat",
    ),
    Row("the largest id", as_json(chat_id=LARGEST_PERSON, text="x"), 200, message("x", LAST), "JsonChat"),
    Row("the largest id as text", as_json(chat_id=str(LARGEST_PERSON), text="x"), 200, message("x", LAST), "JsonChat"),
    bad("an id over 64 bits", as_json(chat_id=LARGEST_PERSON + 1, text="x"), "chat not found", "Client::check_chat"),
    bad("nobody", as_json(chat_id=NOBODY, text="x"), "chat not found", "Client::check_chat"),
    bad("chat 0", as_json(chat_id=0, text="x"), "chat not found", MISSING),
    bad("no number", as_json(chat_id="not_a_chat", text="x"), "chat not found", MISSING),
    bad("an unknown name", as_json(chat_id="@nobody_at_all", text="x"), "chat not found", MISSING),
    bad("no chat", as_json(text="x"), "chat_id is empty", MISSING),
    bad("an empty chat", as_json(chat_id="", text="x"), "chat_id is empty", MISSING),
)
_STATES = (
    _forbidden("blocked", BLOCKED, "bot was blocked by the user", SERVER),
    _forbidden("deactivated", DEAD, "user is deactivated"),
    _forbidden("never started", STRANGER, "bot can't initiate conversation with a user", SERVER),
    _forbidden("kicked from a group", -103, "bot was kicked from the group chat"),
    _forbidden("not in a group", -104, "bot is not a member of the group chat"),
    _forbidden("a deleted group", CLOSED_GROUP, "the group chat was deleted"),
    _forbidden("kicked from a supergroup", -1002000000002, "bot was kicked from the supergroup chat"),
    _forbidden("not in a supergroup", -1002000000003, "bot is not a member of the supergroup chat"),
    _forbidden("kicked from a channel", -1003000000001, "bot was kicked from the channel chat"),
    _forbidden("not in a channel", -1003000000002, "bot is not a member of the channel chat"),
    bad(
        "no rights",
        as_json(chat_id=NO_RIGHTS, text="x"),
        "not enough rights to send text messages to the chat",
        "td can_send_message_content",
    ),
    Row(
        "an upgraded group",
        as_json(chat_id=UPGRADED_GROUP, text="x"),
        400,
        refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=FORUM),
        ACCESS,
        {"Retry-After": None},
    ),
)
_TOPICS = (
    Row(
        "a topic",
        _in_topic(OPEN_TOPIC),
        200,
        message("x", FORUM_CHAT, message_thread_id=OPEN_TOPIC, is_topic_message=True),
        "JsonMessage",
    ),
    Row(
        "a topic as text",
        _in_topic("7"),
        200,
        message("x", FORUM_CHAT, message_thread_id=OPEN_TOPIC, is_topic_message=True),
        "JsonMessage",
    ),
    Row("topic 0", _in_topic(0), 200, message("x", FORUM_CHAT), THREAD),
    Row("a negative topic", _in_topic(-7), 200, message("x", FORUM_CHAT), THREAD),
    Row("a topic that is no number", _in_topic("x"), 200, message("x", FORUM_CHAT), "Client::get_message_id"),
    bad("an unknown topic", _in_topic(8), "message thread not found", "seen from Telegram"),
    bad("a closed topic", _in_topic(CLOSED_TOPIC), "TOPIC_CLOSED", "Telegram's own error"),
    bad("a topic of a person", to_person(message_thread_id=7), "message thread not found", THREAD),
)
STATE = (*_CHATS, *_STATES, *_TOPICS)
