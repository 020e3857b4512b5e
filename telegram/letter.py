"""A message with its address, as it goes to the Bot API."""

from dataclasses import dataclass, replace
from typing import Self

from aiogram.methods import SendMessage
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions

from telegram.message import Message
from telegram.verdict import Degrade, Verdict

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True, slots=True)
class Letter:
    """All that one `sendMessage` needs."""

    chat_id: int
    message: Message
    thread_id: int | None = None
    """The chat's topic."""
    silent: bool = False

    def again(self, verdict: Verdict) -> Self | None:
        """Make what should be sent at once instead; None where nothing could come out differently."""
        if verdict.migrate_to is not None and verdict.migrate_to != self.chat_id:
            return replace(self, chat_id=verdict.migrate_to)
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

    def to_method(self, *, paid: bool) -> SendMessage:
        """Put it into aiogram's words; what is None is not sent at all."""
        message = self.message
        return SendMessage(
            chat_id=self.chat_id,
            text=message.text,
            message_thread_id=self.thread_id,
            parse_mode=message.parse_mode,
            link_preview_options=NO_PREVIEW,
            disable_notification=self.silent or None,
            protect_content=message.protect_content or None,
            allow_paid_broadcast=paid or None,
            reply_markup=_keyboard(message),
        )


def _keyboard(message: Message) -> InlineKeyboardMarkup | None:
    if message.button is None:
        return None
    button = InlineKeyboardButton(text=message.button.text, url=message.button.url)
    return InlineKeyboardMarkup(inline_keyboard=[[button]])
