"""A client: one aiogram bot with connections of its own."""

import time

from aiogram.methods.base import TelegramMethod, TelegramType
from aiogram.types import User

from health import Metrics
from telegram.answer import Answer, Taken, status_label
from telegram.bot_api_session import BotApiSession, make_bot
from telegram.error import AnswerError


class Client:
    """Ask the Bot API, and count what is asked.

    Whoever polls has one for that alone: a request that waits for half a minute must take no place of another.
    """

    def __init__(self, token: str, api_base: str, *, timeout: float, connections: int, metrics: Metrics) -> None:
        self._session = BotApiSession(api_base, timeout=timeout, connections=connections)
        self.bot = make_bot(token, self._session)
        self._metrics = metrics

    async def ask(
        self,
        method: TelegramMethod[TelegramType],
        timeout: float | None = None,  # noqa: ASYNC109 (it is aiohttp's)
        *,
        waits: bool = False,
    ) -> Answer:
        """Ask once. `waits`: the answer comes late on purpose, so the time says nothing."""
        began = time.monotonic()
        answer = await self._session.ask(self.bot, method, timeout)
        self._metrics.telegram_request(method.__api_method__, status_label(answer)).inc()
        if not waits:
            self._metrics.telegram_request_seconds.observe(time.monotonic() - began)
        return answer

    async def introduce(self) -> Answer | User:
        """Learn who the bot is, for filters that compare its name; the answer where that has failed."""
        try:
            return await self.bot.me()
        except AnswerError as fault:
            return fault.answer

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def result_list(answer: Answer) -> list[object] | None:
    """Give the result that is a list; None for any other answer."""
    return answer.result if isinstance(answer, Taken) and isinstance(answer.result, list) else None
