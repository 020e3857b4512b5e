"""The reception: takes updates in, handles each once, and lets the courier bring the answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from aiogram import Dispatcher

from health import Metrics, bound, get_logger
from outbox.catalog.load import Catalog
from outbox.database.connection import Connection
from outbox.link import telegram_update
from telegram.bot.chat_order import Turns
from telegram.bot.client import Client
from telegram.bot.error import StoreAwayError
from telegram.bot.incoming import OTHER, Incoming, read_update
from telegram.bot.phrase import Phrase
from telegram.bot.reply_queue import ReplyQueue
from telegram.bot.update_context import Fact, Replies, UpdateContext, toast
from telegram.bot.words import spoken, words_of

log = get_logger()

Result = TypeVar("Result")
TRIES = 3
"""How often an update is tried that a fault of ours breaks off; then it is left, so that others get their turn."""


class Transact(Protocol):
    """Does some work in one transaction.

    Raises:
        StoreAwayError: PostgreSQL does not answer, and nothing has happened, or nobody knows.

    """

    def __call__(self, work: Callable[[Connection], Awaitable[Result]]) -> Awaitable[Result]:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of a visit."""

    word: str
    """For the metric: handled, repeated, ignored."""
    replies: Replies = ()
    facts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UpdateIntake:
    """Where all updates come in, whichever way."""

    client: Client
    dispatcher: Dispatcher
    catalog: Catalog
    transact: Transact
    courier: ReplyQueue
    metrics: Metrics
    turns: Turns = field(default_factory=Turns)

    async def take(self, raw: object) -> None:
        """Handle an update; come back once it need not come again.

        Raises:
            StoreAwayError: it must.

        """
        incoming = read_update(raw, self.client.bot)
        if incoming is None:
            self._count(OTHER, "unreadable")
            log.warning("update_unreadable")
            return
        with bound(request_id=f"update-{incoming.update.update_id}"):
            async with self.turns.of(incoming.chat_id):
                await self._handle(incoming)

    async def _handle(self, incoming: Incoming) -> None:
        for _ in range(TRIES):
            try:
                outcome = await self.transact(lambda conn: self._visit(conn, incoming))
            except StoreAwayError:
                raise
            except Exception as fault:
                log.error("update_failed", type=incoming.kind, exc_info=fault)
                continue
            self._tell(incoming, outcome)
            return
        self._count(incoming.kind, "failed")
        self.courier.send(_apology(incoming))

    async def _visit(self, conn: Connection, incoming: Incoming) -> Handled:
        if incoming.kind == OTHER:
            return Handled("ignored")
        number, bot = incoming.update.update_id, self.client.bot
        if not await telegram_update.first(conn, bot.id, number, incoming.chat_id):
            return Handled("repeated")
        visit = await UpdateContext(
            conn=conn,
            catalog=self.catalog,
            bot_id=bot.id,
            update_id=number,
            chat_id=incoming.chat_id,
            now=datetime.now(UTC),
            code=incoming.code,
            thread_id=incoming.thread_id,
        ).look()
        replies = await self.dispatcher.feed_update(bot, incoming.update, visit=visit)
        handled = isinstance(replies, list)
        return Handled("handled" if handled else "ignored", replies if handled else (), visit.facts)

    def _tell(self, incoming: Incoming, outcome: Handled) -> None:
        self._count(incoming.kind, outcome.word)
        for fact in outcome.facts:
            log.info(fact.event, **fact.about)
        self.courier.send(outcome.replies)

    def _count(self, kind: str, outcome: str) -> None:
        self.metrics.updates.labels(kind, outcome).inc()


def _apology(incoming: Incoming) -> Replies:
    """Say that it was our fault, where somebody waits for an answer."""
    words, query = words_of(spoken(incoming.code)), incoming.update.callback_query
    if query is not None:
        return [toast(query, words.plain(Phrase.TOAST_FAILED), alert=True)]
    message = incoming.update.message
    if message is None or message.chat.type != "private":
        return []
    return [message.answer(words.html(Phrase.FAILED))]
