"""The bot: what one answer of Telegram's means for all of its messages."""

import asyncio
import random
import time
from collections.abc import MutableSet
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import assert_never

from health import Check, CheckName, Health, Metrics, Status, get_logger
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.lane.lane_claim import Claimed
from telegram import Breaker, GateScope, Guard, Pacer, PaceUnavailableError, SendTimes, Verdict
from telegram.guard import WINDOW

log = get_logger()

OUTAGE_PAUSE = timedelta(seconds=5)
"""How long a delivery waits after a sign that Telegram is out of reach; the breaker decides when anyone tries."""
REFUSED_REST = timedelta(seconds=10)
"""How long the other workers rest when one has learnt that the bot is refused; each then learns it by itself."""
GUARD_REST = timedelta(seconds=60)
"""How long all sends rest when the mass-unlink guard has tripped; then one message tries."""


@dataclass(slots=True)
class Backpressure:
    """What this process knows of its bot, and what it lets the other workers know."""

    pacer: Pacer
    guard: Guard
    health: Health
    metrics: Metrics
    paid: bool
    out_of_reach: MutableSet[str]
    """Dependencies that failed in this run."""
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the token or the API base is wrong: nothing is claimed."""
    breaker: Breaker = field(default_factory=Breaker)
    times: SendTimes = field(default_factory=SendTimes)
    _distrusts_until: float = 0.0
    _chat_gates: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Show that no chat's gate is closed."""
        self._show_gates()

    async def heed(self, claimed: Claimed, verdict: Verdict, *, probe: bool) -> Verdict:
        """Take what an attempt means for the whole bot; return what it then means for the message.

        `probe`: it was the one attempt that tried whether an opened gate holds.
        """
        try:
            heeded = await self._weigh(claimed, verdict, probe=probe)
        except PaceUnavailableError:
            # nothing more is sent without Redis, and without the guard nothing is believed of a chat
            heeded = _disbelieve(verdict) if _blames_chat(verdict) else verdict
        if verdict.requests:
            self._show(verdict)
        return heeded

    async def _weigh(self, claimed: Claimed, verdict: Verdict, *, probe: bool) -> Verdict:
        if verdict.requests == 0:
            if probe:
                await self.pacer.retry_probe()
            return verdict
        if verdict.requests > 1:
            await self.pacer.owe(verdict.requests - 1)
        if verdict.stop_bot:
            await self.stop()
            return verdict
        if verdict.outage:
            return await self._fail(claimed, verdict, probe=probe)
        self.breaker.answered()
        if verdict.gate is not None:
            return await self._wait(claimed, verdict, verdict.gate.delay, verdict.gate.scope)
        if _blames_chat(verdict):
            return await self._doubt(verdict, probe=probe)
        await self._go_on(verdict, probe=probe)
        return verdict

    async def stop(self) -> None:
        """Let nobody send until the bot is known again."""
        if not self.refused.is_set():
            log.error("bot_refused")
        self.refused.set()
        self.out_of_reach.add("telegram")
        self.health.record(CheckName.TELEGRAM, self._check())
        await self.pacer.rest(REFUSED_REST)

    def known(self) -> None:
        """Note that Telegram knows the bot."""
        if self.refused.is_set():
            log.info("bot_known")
        self.refused.clear()
        self.breaker.answered()
        self.health.record(CheckName.TELEGRAM, self._check())

    async def _fail(self, claimed: Claimed, verdict: Verdict, *, probe: bool) -> Verdict:
        note = self.breaker.trip if probe else self.breaker.failed
        note()
        self.out_of_reach.add("telegram")
        if self.breaker.tripped:
            await self.pacer.trip()
        return replace(verdict, outcome=self._spare(claimed, verdict.outcome))

    def _spare(self, claimed: Claimed, outcome: Outcome) -> Outcome:
        """Let an outage cost no attempt; what fails again and again while others get through does cost one."""
        single = self.breaker.alone
        pause = OUTAGE_PAUSE * random.uniform(0.5, 1)  # noqa: S311 (spreads retries, hides nothing)
        match outcome:
            case Retry(reason=reason):
                return outcome if single and claimed.reason == reason else Snooze(pause, reason)
            case Unknown(reason=reason):
                return outcome if single else Unknown(reason, delay=pause)
            case Delivered() | Snooze() | Reject():
                return outcome
            case _:
                assert_never(outcome)

    async def _wait(self, claimed: Claimed, verdict: Verdict, delay: timedelta, scope: GateScope) -> Verdict:
        """Close the bot's gate where a 429 concerns more than its chat."""
        # a chat that has kept its own pace is not what Telegram complains of
        bot_wide = scope is GateScope.BOT or (claimed.in_pace and not self.paid)
        if not await self.pacer.flood(claimed.lane_id, delay, bot_wide=bot_wide):
            self._chat_gates[claimed.lane_id] = time.monotonic() + delay.total_seconds()
        return verdict

    async def _doubt(self, verdict: Verdict, *, probe: bool) -> Verdict:
        """Believe a refusal of a chat, unless there are too many."""
        watch = await self.guard.refused()
        if not watch.tripped:
            if probe:
                await self.pacer.prove()
            return verdict
        if watch.just_now:
            log.error("unlink_guard_tripped")
        self._distrusts_until = time.monotonic() + GUARD_REST.total_seconds()
        self.out_of_reach.add("telegram")
        await self.pacer.rest(GUARD_REST)
        return _disbelieve(verdict, restore=WINDOW if watch.just_now else timedelta(0))

    async def _go_on(self, verdict: Verdict, *, probe: bool) -> None:
        if probe:
            await self.pacer.prove()
            if isinstance(verdict.outcome, Delivered):
                await self.guard.release()
                self._distrusts_until = 0.0
        await self.guard.sent()
        if self.times.add(verdict.seconds):
            await self.pacer.ease()

    def _show(self, verdict: Verdict) -> None:
        if self._chat_gates:
            now = time.monotonic()
            self._chat_gates = {lane: end for lane, end in self._chat_gates.items() if end > now}
            self._show_gates()
        self.health.record(CheckName.TELEGRAM, self._check(verdict))

    def _show_gates(self) -> None:
        self.metrics.telegram_gate_closed.labels("chat").set(len(self._chat_gates))

    def _check(self, verdict: Verdict | None = None) -> Check:
        if self.refused.is_set():
            return Check(Status.UNHEALTHY, "the token or the API base is wrong")
        if time.monotonic() < self._distrusts_until:
            return Check(Status.UNHEALTHY, "too many chats are refused at once: is it the right bot")
        if self.breaker.tripped:
            return Check(Status.UNHEALTHY, "out of reach")
        if verdict is not None and verdict.outage:
            return Check(Status.DEGRADED, "does not always answer")
        if verdict is not None and verdict.gate is not None:
            return Check(Status.DEGRADED, "asks to wait")
        return Check(Status.OK, "answers", round(verdict.seconds * 1000, 1) if verdict else None)


def _blames_chat(verdict: Verdict) -> bool:
    return verdict.link is not None and isinstance(verdict.outcome, Reject)


def _disbelieve(verdict: Verdict, *, restore: timedelta = timedelta(0)) -> Verdict:
    return replace(verdict, outcome=Snooze(GUARD_REST, Reason.UNLINK_GUARD), link=None, restore_links=restore)
