"""The courier: brings the bot's answers, at the rate that all share, in order within a chat, and not for ever."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from aiogram.methods import AnswerCallbackQuery

from health import Metrics, get_logger
from outbox.delivery.outcome import Delivered
from telegram.bot.chat_order import Turns
from telegram.bot.chat_pace import ChatPace
from telegram.bot.client import Client
from telegram.bot.update_context import Replies, Reply
from telegram.classification import classify
from telegram.error import PaceUnavailableError
from telegram.pace import Budget, Pacer
from telegram.verdict import EditFault, GateScope, Verdict

log = get_logger()

PATIENCE_S = 20.0
"""How long an answer may wait before it begins; later nobody knows any more what it answers."""
MOST_WAITING = 10
"""Answers for one chat; whoever asks faster than that gets no more of them."""
TRIES = 2
"""A 429 is obeyed once."""
REDIS_AGAIN_S = 0.5
REFUSED_REST = timedelta(seconds=10)
"""How long all rest when one has learnt that the bot is refused."""


class _TooLateError(Exception):
    """The patience is over."""


@dataclass(frozen=True, slots=True)
class _Deadline:
    at: float

    async def wait(self, seconds: float) -> None:
        """Wait so long, or not at all if that would be too late.

        Raises:
            _TooLateError: it would.

        """
        if time.monotonic() + seconds > self.at:
            raise _TooLateError
        await asyncio.sleep(seconds)


class ReplyQueue:
    """Bring answers whose reasons are committed; one that cannot be brought is logged and dropped."""

    def __init__(
        self,
        client: Client,
        pacer: Pacer,
        pace: ChatPace,
        metrics: Metrics,
        redis_answers: Callable[[bool], None],
    ) -> None:
        self._client = client
        self._pacer = pacer
        self._pace = pace
        self._metrics = metrics
        self._redis_answers = redis_answers
        self._turns = Turns()
        self._under_way: set[asyncio.Task[None]] = set()
        self._lanes: dict[int, int] = {}
        self._numbers = count(-1, -1)

    def send(self, replies: Replies) -> None:
        """Take answers; they go out in this order within their chat."""
        for reply in replies:
            task = asyncio.create_task(self._bring(reply))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def finish(self, seconds: float | None) -> None:
        """Wait until everything taken has gone out, but no longer than this."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _bring(self, reply: Reply) -> None:
        if isinstance(reply, AnswerCallbackQuery):  # writes nothing into the chat, so no limit knows it
            self._judge(reply, classify(await self._client.ask(reply)))
            return
        chat_id = int(getattr(reply, "chat_id", 0))
        if self._turns.standing(chat_id) >= MOST_WAITING:
            self._drop(reply, "too_many")
            return
        deadline = _Deadline(time.monotonic() + PATIENCE_S)
        try:
            async with self._turns.of(chat_id):
                self._judge(reply, await self._write(reply, chat_id, deadline))
        except _TooLateError:
            self._drop(reply, "too_late")
        except PaceUnavailableError:
            self._drop(reply, "redis_away")

    async def _write(self, reply: Reply, chat_id: int, deadline: _Deadline) -> Verdict:
        for left in reversed(range(TRIES)):
            await deadline.wait(self._pace.take(chat_id, time.monotonic()))
            budget = await self._granted(deadline)
            verdict = classify(await self._client.ask(reply), random.random())  # noqa: S311 (spreads waits)
            await self._heed(chat_id, verdict, budget)
            if verdict.gate is None or not left:
                break
            await deadline.wait(verdict.gate.delay.total_seconds())
        return verdict

    async def _granted(self, deadline: _Deadline) -> Budget:
        """Wait for one message of the bot's rate, before ordinary ones.

        Raises:
            PaceUnavailableError, _TooLateError: nothing may be sent.

        """
        while True:
            try:
                budget = await self._pacer.reserve(1, urgent=True)
            except PaceUnavailableError:
                self._redis_answers(False)
                if time.monotonic() + REDIS_AGAIN_S > deadline.at:
                    raise
                await asyncio.sleep(REDIS_AGAIN_S)
                continue
            self._redis_answers(True)
            if budget.granted:
                return budget
            await deadline.wait(budget.wait.total_seconds())

    async def _heed(self, chat_id: int, verdict: Verdict, budget: Budget) -> None:
        """Let all who send know what an answer means for them."""
        try:
            if verdict.gate is not None:
                bot_wide = verdict.gate.scope is GateScope.BOT
                await self._pacer.flood(self._lane(chat_id), verdict.gate.delay, bot_wide=bot_wide)
            elif verdict.stop_bot:
                await self._pacer.rest(REFUSED_REST)
            elif budget.probe and verdict.outage:
                await self._pacer.trip()
            elif budget.probe:
                await self._pacer.prove()
        except PaceUnavailableError:
            self._redis_answers(False)

    def _lane(self, chat_id: int) -> int:
        """Give a chat that was told to wait a number: no lane has one below zero, and nobody learns the chat's own."""
        return self._lanes.setdefault(chat_id, next(self._numbers))

    def _judge(self, reply: Reply, verdict: Verdict) -> None:
        if not isinstance(verdict.outcome, Delivered) and verdict.edit is not EditFault.SAME:
            self._drop(reply, str(verdict.outcome.reason or "refused"))

    def _drop(self, reply: Reply, reason: str) -> None:
        self._metrics.replies_dropped.labels(reason).inc()
        log.warning("reply_dropped", method=reply.__api_method__, reason=reason)
