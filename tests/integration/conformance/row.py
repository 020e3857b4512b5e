"""One row of the table, and the chats that every row finds."""

import json
from dataclasses import dataclass, field
from typing import Any

from telegram.simulator import DEVELOPMENT_TOKEN

DATE = 0
"""Stands for the date of now."""
PERSON, BLOCKED, DEAD, STRANGER, NOBODY = 42, 43, 44, 45, 4242
LARGEST_PERSON = 9223372036854775807
GROUP, UPGRADED_GROUP, CLOSED_GROUP = -100, -101, -102
FORUM, NO_RIGHTS, CHANNEL = -1002000000000, -1002000000001, -1003000000000
OPEN_TOPIC, CLOSED_TOPIC = 7, 9
CHATS: list[dict[str, Any]] = [
    {"chat_id": PERSON, "name": "Anna"},
    {"chat_id": BLOCKED, "state": "blocked"},
    {"chat_id": DEAD, "state": "deactivated"},
    {"chat_id": STRANGER, "state": "none"},
    {"chat_id": LARGEST_PERSON, "name": "Last"},
    {"chat_id": GROUP, "type": "group", "name": "Group"},
    {"chat_id": UPGRADED_GROUP, "type": "group", "migrate_to": FORUM},
    {"chat_id": CLOSED_GROUP, "type": "group", "state": "deactivated"},
    {"chat_id": -103, "type": "group", "state": "kicked"},
    {"chat_id": -104, "type": "group", "state": "none"},
    {
        "chat_id": FORUM,
        "type": "supergroup",
        "name": "Forum",
        "topics": [OPEN_TOPIC],
        "closed_topics": [CLOSED_TOPIC],
    },
    {"chat_id": NO_RIGHTS, "type": "supergroup", "can_write": False},
    {"chat_id": -1002000000002, "type": "supergroup", "state": "kicked"},
    {"chat_id": -1002000000003, "type": "supergroup", "state": "none"},
    {"chat_id": CHANNEL, "type": "channel", "name": "Channel"},
    {"chat_id": -1003000000001, "type": "channel", "state": "kicked"},
    {"chat_id": -1003000000002, "type": "channel", "state": "none"},
]
BOT = {"id": 1000000001, "is_bot": True, "first_name": "Vestnik", "username": "vestnik_1000000001_bot"}
CHAT = {"id": PERSON, "first_name": "Anna", "type": "private"}


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, as it goes over the wire."""

    method: str = "sendMessage"
    verb: str = "POST"
    path: str = f"/bot{DEVELOPMENT_TOKEN}/"
    query: str = ""
    """Percent-encoded."""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Give path and query."""
        return self.path + self.method + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True, slots=True)
class Row:
    """A request and its exact answer."""

    name: str
    call: Call
    status: int
    answer: object
    """The whole body; None is an empty one. Every date is `DATE`."""
    source: str
    """Where the answer is known from: the open server's function, its tests, or an answer seen from Telegram."""
    headers: dict[str, str | None] = field(default_factory=dict)
    """Headers the answer must have; None: must not have."""
    before: tuple[Call, ...] = ()
    """Calls made first, in the same world."""


def as_json(method: str = "sendMessage", /, **arguments: object) -> Call:
    """Call with a JSON body."""
    return Call(method, body=json.dumps(arguments).encode(), headers={"Content-Type": "application/json"})


def to_person(text: str = "x", /, **arguments: object) -> Call:
    """Send to the person who has started the bot."""
    return as_json(chat_id=PERSON, text=text, **arguments)


def message(text: str, chat: dict[str, Any] | None = None, message_id: int = 1, **fields: object) -> dict[str, object]:
    """Write the answer with the message that was sent."""
    return {"ok": True, "result": shown(text, chat, message_id, **fields)}


def shown(text: str, chat: dict[str, Any] | None = None, message_id: int = 1, **fields: object) -> dict[str, object]:
    """Write a message of the bot."""
    chat = chat or CHAT
    author = {"sender_chat": chat} if chat["type"] == "channel" else {"from": BOT}
    return {"message_id": message_id, **author, "chat": chat, "date": DATE, "text": text, **fields}


def refusal(code: int, description: str, **parameters: object) -> dict[str, object]:
    """Write a refusal."""
    answer: dict[str, object] = {"ok": False, "error_code": code, "description": description}
    return answer | ({"parameters": parameters} if parameters else {})


def bad(name: str, call: Call, fault: str, source: str, before: tuple[Call, ...] = ()) -> Row:
    """Expect a 400."""
    return Row(name, call, 400, refusal(400, f"Bad Request: {fault}"), source, before=before)


def entity(kind: str, offset: int, length: int, **fields: object) -> dict[str, object]:
    """Write an entity."""
    return {"offset": offset, "length": length, "type": kind, **fields}


def formatted(name: str, mode: str, source: str, text: str, *entities: dict[str, object], known: str) -> Row:
    """Expect markup to become this text with these entities."""
    answer = message(text, entities=list(entities)) if entities else message(text)
    return Row(f"{mode}: {name}", to_person(source, parse_mode=mode), 200, answer, known)


def unparsed(name: str, mode: str, source: str, fault: str, known: str) -> Row:
    """Expect markup to be refused."""
    call = to_person(source, parse_mode=mode)
    return bad(f"{mode}: {name}", call, f"can't parse entities: {fault}", known)
