"""A visit: one update, the transaction in which it is handled, and who has come."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from aiogram.methods import AnswerCallbackQuery, EditMessageText, SendMessage, TelegramMethod
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, LinkPreviewOptions

from outbox.catalog.language import Language
from outbox.catalog.load import Catalog
from outbox.database.connection import Connection
from outbox.link import chat_link
from outbox.link.chat_link import Link
from outbox.person import preference
from outbox.person.preference import Preferences
from telegram.bot.words import Words, spoken, words_of

Reply = TelegramMethod[Any]
Replies = Sequence[Reply]
"""What to call once the visit's transaction has committed."""

HTML = "HTML"
LONGEST_TOAST = 200
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True, slots=True)
class Fact:
    """What has happened, for the log; nothing that tells who it was."""

    event: str
    reason: str | None = None
    count: int | None = None
    """Of how many it is told; None: it is about the visitor's chat."""

    @property
    def about(self) -> dict[str, object]:
        """List what is known of it."""
        return {name: value for name, value in (("reason", self.reason), ("count", self.count)) if value is not None}


@dataclass(frozen=True, slots=True)
class UpdateContext:
    """What handlers work with."""

    conn: Connection
    catalog: Catalog
    bot_id: int
    update_id: int
    chat_id: int
    now: datetime
    code: str | None = None
    """The language of the visitor's Telegram."""
    thread_id: int | None = None
    """The topic in which they have written."""
    link: Link | None = None
    preferences: Preferences | None = None
    """Of the person whose chat it is."""
    facts: list[Fact] = field(default_factory=list)
    """What to log once the transaction has committed."""

    async def look(self) -> Self:
        """Find out anew whose chat it is and what they have chosen."""
        found = await chat_link.of_chat(self.conn, self.chat_id)
        chosen = None if found is None else await preference.read(self.conn, found.recipient)
        return replace(self, link=found, preferences=chosen)

    @property
    def wanted(self) -> str | None:
        """Name the visitor's language: chosen, else the application's word for it, else their Telegram's."""
        known = self.preferences
        return (known and (known.language or known.locale)) or self.code

    @property
    def words(self) -> Words:
        """Speak to the visitor."""
        return words_of(spoken(self.wanted))

    @property
    def language(self) -> Language:
        """Give the catalog's texts as the visitor reads them."""
        return self.catalog.language(self.wanted)

    def note(self, event: str, reason: str | None = None) -> None:
        """Remember a fact for the log."""
        self.facts.append(Fact(event, reason))

    def note_skipped(self, count: int, reason: str) -> None:
        """Remember that so many deliveries will not come any more, if there are any."""
        if count:
            self.facts.append(Fact("deliveries_skipped", reason, count))

    def say(self, text: str, keyboard: InlineKeyboardMarkup | None = None, *, chat_id: int | None = None) -> Reply:
        """Write into the visitor's chat, or another one."""
        return SendMessage(
            chat_id=self.chat_id if chat_id is None else chat_id,
            text=text,
            parse_mode=HTML,
            link_preview_options=NO_PREVIEW,
            message_thread_id=self.thread_id if chat_id is None else None,
            reply_markup=keyboard,
        )

    def rewrite(self, query: CallbackQuery, text: str, keyboard: InlineKeyboardMarkup | None = None) -> Reply:
        """Change the message whose button was tapped."""
        return EditMessageText(
            chat_id=self.chat_id,
            message_id=query.message.message_id if query.message else None,
            text=text,
            parse_mode=HTML,
            link_preview_options=NO_PREVIEW,
            reply_markup=keyboard,
        )


def toast(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> Reply:
    """Answer a tap; without a text the button only stops waiting."""
    return AnswerCallbackQuery(callback_query_id=query.id, text=text and text[:LONGEST_TOAST], show_alert=alert or None)
