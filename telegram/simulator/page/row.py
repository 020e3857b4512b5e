"""A chat's row in the page's list."""

from telegram.simulator.chat import Chat

LONGEST_LAST_TEXT = 120


def row(chat: Chat) -> dict[str, object]:
    """Write what the list shows of a chat."""
    return {
        "id": str(chat.chat_id),
        "type": chat.type,
        "state": chat.state,
        "name": chat.name,
        "migrate_to": as_text(chat.migrate_to),
        "count": chat.last_message_id,
        "last": _last(chat),
    }


def as_text(chat_id: int | None) -> str | None:
    """Write a chat id so that a browser keeps all of its 64 bits."""
    return None if chat_id is None else str(chat_id)


def _last(chat: Chat) -> dict[str, object] | None:
    if not chat.messages:
        return None
    message = chat.messages[-1]
    return {
        "text": message.content.text[:LONGEST_LAST_TEXT],
        "date": message.date,
        "silent": message.silent,
        "out": message.sender is not None,
    }
