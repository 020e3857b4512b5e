"""Sends messages to the Bot API and judges what comes back; never loops, never raises for a fault of Telegram's."""

import asyncio
import random
import time
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from aiogram.methods import GetMe, GetWebhookInfo, TelegramMethod
from aiogram.methods.base import TelegramType

from health.metrics import Metrics
from outbox.delivery.outcome import Delivered, Retry, Unknown
from telegram.answer import Answer, Taken, status_label
from telegram.bot_api_session import BotApiSession, make_bot
from telegram.classification import classify
from telegram.error import BotFaultError, BotRefusedError, BotUnavailableError
from telegram.message import Message
from telegram.send_request import SendRequest
from telegram.verdict import Degrade, EditFault, Verdict
from telegram.webhook import Webhook

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
        self._session = BotApiSession(api_base, timeout=timeout, connections=in_flight + 1)
        self._bot = make_bot(token, self._session)
        self._slots = asyncio.Semaphore(in_flight)
        self._attempt = timeout + SECOND_TRY_SECONDS
        self._paid = paid_broadcast
        # the application's request ids are nobody's business there
        self._tells_ids = urlsplit(api_base).hostname != urlsplit(PUBLIC_API).hostname
        self._metrics = metrics

    @property
    def bot_id(self) -> int:
        """The bot's id, as its token says it."""
        return self._bot.id

    async def send(
        self,
        chat_id: int,
        message: Message,
        *,
        thread_id: int | None = None,
        silent: bool = False,
        request_id: str | None = None,
    ) -> Verdict:
        """Make one attempt: send, and once more at once where a refused part or a new chat id allows it."""
        return await self._post(SendRequest(chat_id, message, thread_id, silent, request_id=request_id))

    async def edit(  # noqa: PLR0913 - as `send`, and which message it is
        self,
        chat_id: int,
        message_id: int,
        message: Message,
        *,
        thread_id: int | None = None,
        silent: bool = False,
        request_id: str | None = None,
    ) -> Verdict:
        """Make one attempt: edit what the chat shows, and send anew at once where it cannot be edited.

        An edit twice does no harm, so one whose answer was lost is a `Retry`; `thread_id` and `silent` are for the
        new message.
        """
        letter = SendRequest(chat_id, message, thread_id, silent, edits=message_id, request_id=request_id)
        return await self._post(letter)

    async def get_me(self) -> Me:
        """Ask Telegram who the bot is.

        Raises:
            BotRefusedError: the token or the API base is wrong.
            BotUnavailableError: Telegram cannot be reached, or asks to wait.

        """
        answer = await self._ask(GetMe())
        me = _read_me(answer)
        if me is None:
            raise _fault("getMe", answer)
        return me

    async def get_webhook(self) -> Webhook:
        """Ask Telegram where it sends updates.

        Raises:
            BotRefusedError, BotUnavailableError: as `get_me`.

        """
        answer = await self._ask(GetWebhookInfo())
        webhook = Webhook.read(answer.result) if isinstance(answer, Taken) else None
        if webhook is None:
            raise _fault("getWebhookInfo", answer)
        return webhook

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self.close()

    async def _post(self, letter: SendRequest) -> Verdict:
        async with self._slots:
            began = time.monotonic()
            verdict = await self._try(letter)
            for _ in range(letter.more_tries):
                again = letter.again(verdict)
                if again is None:
                    break
                left = max(SHORTEST_SECONDS, self._attempt - (time.monotonic() - began))
                degraded = verdict.degrade if again.edits == letter.edits else None
                verdict, letter = _join(verdict, await self._try(again, left), degraded), again
            return replace(
                verdict,
                degrade=None if verdict.requests > 1 else verdict.degrade,
                seconds=time.monotonic() - began,
            )

    async def _try(self, letter: SendRequest, timeout: float | None = None) -> Verdict:  # noqa: ASYNC109 (it is aiohttp's)
        call = letter.to_call(paid=self._paid)
        request_id = letter.request_id if self._tells_ids else None
        began = time.monotonic()
        answer = await self._session.call(self._bot, call, timeout, request_id)
        self._count(call.method, answer, began)
        verdict = classify(answer, random.random())  # noqa: S311 - spreads waits, hides nothing
        return verdict if letter.edits is None else _as_edit(verdict, letter.edits)

    async def _ask(self, method: TelegramMethod[TelegramType]) -> Answer:
        began = time.monotonic()
        answer = await self._session.ask(self._bot, method)
        self._count(method.__api_method__, answer, began)
        return answer

    def _count(self, method: str, answer: Answer, began: float) -> None:
        if self._metrics is not None:
            self._metrics.telegram_request(method, status_label(answer)).inc()
            self._metrics.telegram_request_seconds.observe(time.monotonic() - began)


def _as_edit(verdict: Verdict, message_id: int) -> Verdict:
    """Read what an answer says of an edit: which message it was is known, and a second one would do no harm."""
    if verdict.edit is EditFault.SAME:
        return replace(verdict, outcome=Delivered(message_id), edit=None)
    match verdict.outcome:
        case Delivered() as delivered:
            return replace(verdict, outcome=replace(delivered, message_id=message_id))
        case Unknown(reason=reason):
            return replace(verdict, outcome=Retry(reason))
        case _:
            return verdict


def _join(first: Verdict, second: Verdict, degraded: Degrade | None) -> Verdict:
    """Let the later try decide, and keep what those before it have shown."""
    new_id = first.migrate_to if second.migrate_to is None else second.migrate_to
    outcome = second.outcome
    if degraded is not None and isinstance(outcome, Delivered) and outcome.reason is None:
        # why it went out without a part
        outcome = replace(outcome, reason=first.outcome.reason)
    return replace(
        second,
        outcome=outcome,
        migrate_to=new_id,
        degraded=degraded or first.degraded,
        requests=first.requests + second.requests,
    )


def _fault(method: str, answer: Answer) -> BotFaultError:
    verdict = classify(answer)
    reason = verdict.outcome.reason
    fault = BotRefusedError if verdict.stop_bot else BotUnavailableError
    return fault(f"{method}: {reason or 'an answer that cannot be read'}", reason, verdict.status)


def _read_me(answer: Answer) -> Me | None:
    match answer:
        case Taken(result={"id": int(bot_id), "username": str(username)}):
            return Me(bot_id, username)
        case _:
            return None
