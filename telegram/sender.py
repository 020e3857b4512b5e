"""Sends messages to the Bot API and judges what comes back; never loops, never raises for a fault of Telegram's."""

import asyncio
import random
import time
from dataclasses import dataclass, replace
from typing import Self

from aiogram import Bot
from aiogram.methods import GetMe, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.utils.token import TokenValidationError

from health.metrics import Metrics
from outbox.outcome import Delivered
from telegram.answer import Answer, Taken, status_label
from telegram.classification import classify
from telegram.error import BadTokenError, BotRefusedError, BotUnavailableError
from telegram.letter import Letter
from telegram.message import Message
from telegram.session import Session
from telegram.verdict import Verdict

PUBLIC_API = "https://api.telegram.org"
TIMEOUT_SECONDS = 30.0
"""Telegram holds a flood wait of up to 8 s before it answers: who gives up sooner sends a second copy."""
SECOND_TRY_SECONDS = 8.0
"""What a second try in the same attempt may add at the most: a lane's lease is longer than both together."""
SHORTEST_SECONDS = 5.0
IN_FLIGHT = 8
"""Requests under way at once; in paid mode the caller raises it to 60."""


@dataclass(frozen=True, slots=True)
class Me:
    """The bot that the token belongs to."""

    id: int
    username: str


class Sender:
    """Own the one aiogram bot that sends."""

    def __init__(  # noqa: PLR0913 - the bot's settings, each by its name
        self,
        token: str,
        api_base: str = PUBLIC_API,
        *,
        timeout: float = TIMEOUT_SECONDS,
        in_flight: int = IN_FLIGHT,
        paid_broadcast: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        # One connection more than sends in flight, so that a health check never waits for them.
        self._session = Session(api_base, timeout=timeout, connections=in_flight + 1)
        self._bot = _make_bot(token, self._session)
        self._slots = asyncio.Semaphore(in_flight)
        self._attempt = timeout + SECOND_TRY_SECONDS
        self._paid = paid_broadcast
        self._metrics = metrics

    @property
    def bot_id(self) -> int:
        """The bot's id, as its token says it."""
        return self._bot.id

    async def send(
        self, chat_id: int, message: Message, *, thread_id: int | None = None, silent: bool = False
    ) -> Verdict:
        """Make one attempt: send, and once more at once where a refused part or a new chat id allows it."""
        letter = Letter(chat_id, message, thread_id, silent)
        async with self._slots:
            began = time.monotonic()
            verdict = await self._try(letter)
            again = letter.again(verdict)
            if again is not None:
                left = max(SHORTEST_SECONDS, self._attempt - (time.monotonic() - began))
                verdict = _join(verdict, await self._try(again, left))
            return replace(verdict, seconds=time.monotonic() - began)

    async def get_me(self) -> Me:
        """Ask Telegram who the bot is.

        Raises:
            BotRefusedError: the token or the API base is wrong.
            BotUnavailableError: Telegram cannot be reached, or asks to wait.

        """
        answer = await self._ask(GetMe())
        me = _read_me(answer)
        if me is not None:
            return me
        verdict = classify(answer)
        reason = verdict.outcome.reason
        fault = BotRefusedError if verdict.stop_bot else BotUnavailableError
        raise fault(f"getMe: {reason or 'no user in the answer'}", reason, verdict.status)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self.close()

    async def _try(self, letter: Letter, timeout: float | None = None) -> Verdict:  # noqa: ASYNC109 (it is aiohttp's)
        answer = await self._ask(letter.to_method(paid=self._paid), timeout)
        return classify(answer, random.random())  # noqa: S311 - spreads waits, hides nothing

    async def _ask(self, method: TelegramMethod[TelegramType], timeout: float | None = None) -> Answer:  # noqa: ASYNC109 (as above)
        began = time.monotonic()
        answer = await self._session.ask(self._bot, method, timeout)
        if self._metrics is not None:
            self._metrics.telegram_requests.labels(method.__api_method__, status_label(answer)).inc()
            self._metrics.telegram_request_seconds.observe(time.monotonic() - began)
        return answer


def _make_bot(token: str, session: Session) -> Bot:
    try:
        return Bot(token, session=session)
    except TokenValidationError:
        problem = "the bot token is malformed: it must look like 123456:ABC-def"
    raise BadTokenError(problem)


def _join(first: Verdict, second: Verdict) -> Verdict:
    """Let the second try decide, and keep what the first has shown."""
    new_id = first.migrate_to if second.migrate_to is None else second.migrate_to
    outcome = second.outcome
    if first.degrade is not None and isinstance(outcome, Delivered) and outcome.reason is None:
        # why it went out without a part
        outcome = replace(outcome, reason=first.outcome.reason)
    return replace(second, outcome=outcome, migrate_to=new_id, degrade=None, degraded=first.degrade, requests=2)


def _read_me(answer: Answer) -> Me | None:
    match answer:
        case Taken(result={"id": int(bot_id), "username": str(username)}):
            return Me(bot_id, username)
        case _:
            return None
