"""What a message may say besides its text."""

from tests.integration.conformance.row import (
    CHAT,
    DATE,
    FORUM,
    PERSON,
    Row,
    as_json,
    bad,
    message,
    shown,
    to_person,
)

REPLY, PREVIEW, FLAG = "Client::get_reply_parameters", "Client::get_link_preview_options", "Client::to_bool"
FIRST = to_person("first")
ANSWERED = message("x", message_id=2, reply_to_message=shown("first"))
PLAIN = message("x")
NOT_FOUND = "message to be replied not found"


def _flagged(name: str, value: object, answer: object, argument: str = "protect_content") -> Row:
    return Row(f"{argument} as {name}", to_person(**{argument: value}), 200, answer, FLAG)


PROTECTED = message("x", has_protected_content=True)
_FLAGS = (
    *(_flagged(repr(value), value, PROTECTED) for value in (True, "true", "True", " YES ", "1", 1)),
    *(_flagged(repr(value), value, PLAIN) for value in (False, "no", "0", "on", "")),
    _flagged("true", True, PLAIN, "disable_notification"),
    _flagged("true", True, PLAIN, "allow_paid_broadcast"),
    Row("an unknown argument", to_person(no_such_argument="y"), 200, PLAIN, "Query::arg"),
)
_REPLIES = (
    Row("a reply", to_person(reply_parameters={"message_id": 1}), 200, ANSWERED, REPLY, before=(FIRST,)),
    Row("a reply as text", to_person(reply_parameters='{"message_id":"1"}'), 200, ANSWERED, REPLY, before=(FIRST,)),
    Row("a reply in the old way", to_person(reply_to_message_id=1), 200, ANSWERED, REPLY, before=(FIRST,)),
    Row(
        "a reply that names the chat",
        to_person(reply_parameters={"message_id": 1, "chat_id": PERSON}),
        200,
        ANSWERED,
        "Client::check_reply_parameters",
        before=(FIRST,),
    ),
    Row("no reply", to_person(reply_parameters={}), 200, PLAIN, REPLY),
    Row("an empty reply", to_person(reply_parameters=""), 200, PLAIN, REPLY),
    Row("a reply to 0", to_person(reply_parameters={"message_id": 0}), 200, PLAIN, REPLY),
    Row(
        "a reply that may be dropped",
        to_person(reply_parameters={"message_id": 9, "allow_sending_without_reply": True}),
        200,
        PLAIN,
        REPLY,
    ),
    Row(
        "an old reply that may be dropped",
        to_person(reply_to_message_id=9, allow_sending_without_reply=True),
        200,
        PLAIN,
        REPLY,
    ),
    bad("a reply to nothing", to_person(reply_parameters={"message_id": 9}), NOT_FOUND, "seen from Telegram"),
    bad("an old reply to nothing", to_person(reply_to_message_id=9), NOT_FOUND, REPLY),
    bad("a reply into nowhere", to_person(reply_parameters={"message_id": 1, "chat_id": 7}), "chat not found", REPLY),
    bad(
        "a reply elsewhere to nothing",
        to_person(reply_parameters={"message_id": 1, "chat_id": FORUM}),
        NOT_FOUND,
        REPLY,
    ),
    bad("a broken reply", to_person(reply_parameters="x"), "can't parse reply parameters JSON object", REPLY),
    bad("a reply that is no object", to_person(reply_parameters=[1]), "object expected as reply parameters", REPLY),
    bad(
        "a reply without a message", to_person(reply_parameters={"quote": "x"}), 'can\'t find field "message_id"', REPLY
    ),
    bad(
        "a reply to a word",
        to_person(reply_parameters={"message_id": "x"}),
        'field "message_id" must be a valid Number',
        REPLY,
    ),
    bad(
        "a reply with a wrong flag",
        to_person(reply_parameters={"message_id": 1, "allow_sending_without_reply": "true"}),
        'field "allow_sending_without_reply" must be of type Boolean',
        REPLY,
    ),
)
_PREVIEWS = (
    Row(
        "no preview",
        to_person(link_preview_options={"is_disabled": True}),
        200,
        message("x", link_preview_options={"is_disabled": True}),
        PREVIEW,
    ),
    Row(
        "no preview in the old way",
        to_person(disable_web_page_preview="true"),
        200,
        message("x", link_preview_options={"is_disabled": True}),
        PREVIEW,
    ),
    Row("a preview", to_person(link_preview_options={"is_disabled": False}), 200, PLAIN, PREVIEW),
    bad(
        "a broken preview", to_person(link_preview_options="x"), "can't parse link preview options JSON object", PREVIEW
    ),
    bad(
        "a preview that is no object",
        to_person(link_preview_options=1),
        "object expected as link preview options",
        PREVIEW,
    ),
    bad(
        "a preview with a wrong flag",
        to_person(link_preview_options={"is_disabled": 1}),
        'field "is_disabled" must be of type Boolean',
        PREVIEW,
    ),
)
EDITED = {"ok": True, "result": {**shown("y"), "edit_date": DATE}}
SAME = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
_OTHERS = (
    Row(
        "ids grow by one in a chat", to_person(), 200, message("x", message_id=3), "telegram.md", before=(FIRST, FIRST)
    ),
    Row(
        "each chat counts by itself",
        to_person(),
        200,
        PLAIN,
        "the simulator's own",
        before=(as_json(chat_id=FORUM, text="x"),),
    ),
    Row("a chat", as_json("getChat", chat_id=PERSON), 200, {"ok": True, "result": CHAT}, "JsonChat"),
    Row(
        "an edit",
        as_json("editMessageText", chat_id=PERSON, message_id=1, text="y"),
        200,
        EDITED,
        "JsonMessage",
        before=(FIRST,),
    ),
    Row(
        "an edit takes the preview away",
        as_json("editMessageText", chat_id=PERSON, message_id=1, text="y", disable_web_page_preview=True),
        200,
        {"ok": True, "result": {**shown("y"), "edit_date": DATE, "link_preview_options": {"is_disabled": True}}},
        PREVIEW,
        before=(FIRST,),
    ),
    bad(
        "an edit that changes nothing",
        as_json("editMessageText", chat_id=PERSON, message_id=1, text="first"),
        SAME,
        "Client::fail_query_with_error",
        before=(FIRST,),
    ),
    bad(
        "an edit of nothing",
        as_json("editMessageText", chat_id=PERSON, message_id=9, text="y"),
        "message to edit not found",
        "Client::check_message",
    ),
    bad(
        "an edit that cannot be parsed",
        as_json("editMessageText", chat_id=PERSON, message_id=9, text="*", parse_mode="MarkdownV2"),
        "can't parse entities: Can't find end of Bold entity at byte offset 0",
        "Client::process_edit_message_text_query",
    ),
)
DELIVERY = (*_FLAGS, *_REPLIES, *_PREVIEWS, *_OTHERS)
