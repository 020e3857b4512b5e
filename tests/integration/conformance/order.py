"""Which of two faults is named: the order in which a message is checked."""

from tests.integration.conformance.row import (
    BLOCKED,
    CLOSED_TOPIC,
    DEAD,
    FORUM,
    NO_RIGHTS,
    NOBODY,
    PERSON,
    UPGRADED_GROUP,
    Row,
    as_json,
    bad,
    refusal,
)

SEND, CONTENT = "Client::do_send_message", "Client::get_input_message_text"
CHECKS, LIBRARY = "Client::check_reply_parameters", "tdlib: send_message"
MESSAGE_PREVIEW = "can't parse link preview options JSON object"
UNCLOSED = "can't parse entities: Can't find end tag corresponding to start tag \"b\""
NO_REPLY, NO_CHAT, NO_TOPIC = "message to be replied not found", "chat not found", "message thread not found"
NO_LINK = "inline keyboard button URL 'x' is invalid: Wrong HTTP URL"
BROKEN_MARKUP = "can't parse reply keyboard markup JSON object"
WRONG_LINK = {"inline_keyboard": [[{"text": "a", "url": "x"}]]}
LONG_DATA = {"inline_keyboard": [[{"text": "a", "callback_data": "x" * 65}]]}
MISSING = {"message_id": 999}
TOO_LONG = "x" * 4097


def _first(fault: str, source: str, name: str, **arguments: object) -> Row:
    return bad(name, as_json(**({"text": "x"} | arguments)), fault, source)


ORDER = (
    _first(MESSAGE_PREVIEW, CONTENT, "preview before text", chat_id=PERSON, text="", link_preview_options="{"),
    _first("message text is empty", CONTENT, "text before mode", text="", parse_mode="X"),
    _first("text is too long", "Client::get_formatted_text", "size before mode", text="x" * 32_769, parse_mode="X"),
    _first(
        "text is too long", "Client::get_formatted_text", "size before markup", text="<b>" * 16_384, parse_mode="HTML"
    ),
    _first(UNCLOSED, CONTENT, "markup before a missing chat", text="<b>", parse_mode="HTML"),
    _first(UNCLOSED, CONTENT, "markup before a dead chat", chat_id=DEAD, text="<b>", parse_mode="HTML"),
    _first(UNCLOSED, CONTENT, "markup before an unknown chat", chat_id=NOBODY, text="<b>", parse_mode="HTML"),
    _first(
        UNCLOSED,
        CONTENT,
        "markup before the reply",
        chat_id=PERSON,
        text="<b>",
        parse_mode="HTML",
        reply_parameters="{",
    ),
    _first(
        "can't parse reply parameters JSON object", SEND, "reply before buttons", reply_parameters="{", reply_markup="{"
    ),
    _first(BROKEN_MARKUP, SEND, "buttons before a missing chat", reply_markup="{"),
    _first(BROKEN_MARKUP, SEND, "buttons before an unknown chat", chat_id=NOBODY, reply_markup="{"),
    _first(NO_CHAT, CHECKS, "an unknown chat before length", chat_id=NOBODY, text=TOO_LONG),
    _first(NO_CHAT, CHECKS, "an unknown chat before white space", chat_id=NOBODY, text=" "),
    _first(NO_CHAT, LIBRARY, "an unknown chat before links", chat_id=NOBODY, reply_markup=WRONG_LINK),
    _first(NO_CHAT, CHECKS, "an unknown chat before the reply", chat_id=NOBODY, reply_parameters=MISSING),
    _first(NO_CHAT, CHECKS, "an unknown chat before the topic", chat_id=NOBODY, message_thread_id=8),
    _first(
        NO_REPLY, CHECKS, "the reply before the topic", chat_id=FORUM, reply_parameters=MISSING, message_thread_id=8
    ),
    _first(NO_REPLY, CHECKS, "the reply before length", chat_id=PERSON, text=TOO_LONG, reply_parameters=MISSING),
    _first(NO_TOPIC, CHECKS, "the topic before length", chat_id=FORUM, text=TOO_LONG, message_thread_id=8),
    _first(NO_TOPIC, CHECKS, "the topic before links", chat_id=FORUM, reply_markup=WRONG_LINK, message_thread_id=8),
    _first(
        NO_REPLY,
        CHECKS,
        "the reply before a closed topic",
        chat_id=FORUM,
        reply_parameters=MISSING,
        message_thread_id=CLOSED_TOPIC,
    ),
    _first(NO_LINK, LIBRARY, "links before length", chat_id=PERSON, text=TOO_LONG, reply_markup=WRONG_LINK),
    _first(NO_LINK, LIBRARY, "links before rights", chat_id=NO_RIGHTS, reply_markup=WRONG_LINK),
    _first("message is too long", LIBRARY, "length before rights", chat_id=NO_RIGHTS, text=TOO_LONG),
    _first("text must be non-empty", LIBRARY, "white space before rights", chat_id=NO_RIGHTS, text=" "),
    _first("message is too long", LIBRARY, "length before a block", chat_id=BLOCKED, text=TOO_LONG),
    _first("message is too long", LIBRARY, "length before data", chat_id=PERSON, text=TOO_LONG, reply_markup=LONG_DATA),
    _first(NO_LINK, LIBRARY, "links before a block", chat_id=BLOCKED, reply_markup=WRONG_LINK),
    Row(
        "a dead chat before length",
        as_json(chat_id=DEAD, text=TOO_LONG),
        403,
        refusal(403, "Forbidden: user is deactivated"),
        "Client::check_chat_access",
    ),
    Row(
        "an upgraded group before length",
        as_json(chat_id=UPGRADED_GROUP, text=TOO_LONG),
        400,
        refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=FORUM),
        "Client::check_chat_access",
    ),
)
