"""A message with its address, as it goes to the Bot API."""

import json
from dataclasses import dataclass, replace
from typing import Self

from telegram.call import Call, quote
from telegram.message import Message
from telegram.verdict import Degrade, EditFault, Verdict

NO_PREVIEW = quote('{"is_disabled": true}')
TRUE = "true"


@dataclass(frozen=True, slots=True)
class SendRequest:
    """All that one `sendMessage` or `editMessageText` needs."""

    chat_id: int
    message: Message
    thread_id: int | None = None
    """The chat's topic."""
    silent: bool = False
    edits: int | None = None
    """The message that it takes the place of; an edit makes no sound."""
    request_id: str | None = None
    """Of the request that the event came with."""

    @property
    def more_tries(self) -> int:
        """Say how often at the most it is changed and sent once more in the same attempt."""
        return 1 if self.edits is None else 2

    def again(self, verdict: Verdict) -> Self | None:
        """Make what should be sent at once instead; None where nothing could come out differently."""
        if verdict.migrate_to is not None and verdict.migrate_to != self.chat_id:
            # message ids are a chat's own: in the new one the number may be another message's
            return replace(self, chat_id=verdict.migrate_to, edits=None)
        if self.edits is not None and (verdict.edit is EditFault.GONE or verdict.degrade is Degrade.TOPIC):
            return replace(self, edits=None)
        changed = self.without(verdict.degrade) if verdict.degrade else self
        return None if changed == self else changed

    def without(self, degrade: Degrade) -> Self:
        """Take away what Telegram has refused."""
        match degrade:
            case Degrade.TOPIC:
                return replace(self, thread_id=None)
            case Degrade.MARKUP:
                return replace(self, message=self.message.plain())
            case Degrade.LENGTH:
                return replace(self, message=self.message.shortened())
            case Degrade.BUTTON:
                return replace(self, message=self.message.buttonless())

    def to_call(self, *, paid: bool) -> Call:
        """Write it byte for byte as aiogram writes its `SendMessage` or `EditMessageText`, without making one first."""
        message = self.message
        if self.edits is not None:
            return Call.of_form(
                "editMessageText",
                {
                    "text": quote(message.text),
                    "chat_id": self.chat_id,
                    "message_id": self.edits,
                    "parse_mode": message.parse_mode,
                    "link_preview_options": NO_PREVIEW,
                    "reply_markup": _keyboard(message),
                },
            )
        return Call.of_form(
            "sendMessage",
            {
                "chat_id": self.chat_id,
                "text": quote(message.text),
                "message_thread_id": self.thread_id,
                "parse_mode": message.parse_mode,
                "link_preview_options": NO_PREVIEW,
                "disable_notification": TRUE if self.silent else None,
                "protect_content": TRUE if message.protect_content else None,
                "allow_paid_broadcast": TRUE if paid else None,
                "reply_markup": _keyboard(message),
            },
        )


def _keyboard(message: Message) -> str | None:
    rows = []
    if message.button is not None:
        rows.append([{"text": message.button.text, "url": message.button.url}])
    if message.mute is not None:
        rows.append([{"text": message.mute.text, "callback_data": message.mute.data}])
    return quote(json.dumps({"inline_keyboard": rows})) if rows else None
