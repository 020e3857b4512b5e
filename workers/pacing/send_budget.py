"""The allowance: how many messages, urgent and ordinary, this worker may send now."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from health import Check, CheckName, Health, Metrics, Status
from outbox.lane.due import Due
from outbox.lane.lane_claim import Claimed
from telegram import Budget, Pacer, PaceUnavailableError
from workers.pacing.in_flight import InFlight

NO_TIME = timedelta(0)
NOT_ASKED = Budget(0, wait=NO_TIME)


@dataclass(frozen=True, slots=True)
class SendBudget:
    """What may be sent in one step."""

    urgent: Budget = NOT_ASKED
    ordinary: Budget = NOT_ASKED

    @property
    def granted(self) -> int:
        """Add both up."""
        return self.urgent.granted + self.ordinary.granted

    @property
    def wait(self) -> timedelta | None:
        """Say when to ask again; None where nothing was asked for."""
        return min((budget.wait for budget in (self.urgent, self.ordinary) if budget.wait), default=None)

    def of(self, claimed: Claimed) -> Budget:
        """Tell from which budget a claimed lane goes."""
        return self.urgent if claimed.urgent else self.ordinary


@dataclass(slots=True)
class BudgetReserver:
    """Asks the limiter that all workers share, for what is due and has room.

    Urgent lanes are asked for first. The limiter lets them go before the others for the most part of the rate, and
    for the rest both compete, where whoever always asks first would always win: so once the others have got nothing
    beside urgent ones, they ask first until they get something.
    """

    pacer: Pacer
    flight: InFlight
    health: Health
    metrics: Metrics
    _ordinary_first: bool = False

    async def ask(self, seen: Due) -> SendBudget:
        """Reserve no more than can be begun at once.

        Raises:
            PaceUnavailableError: nothing may be sent.

        """
        ordinary = NOT_ASKED
        if self._ordinary_first:
            ordinary = await self._reserve(seen, urgent=False)
        urgent = await self._reserve(seen, urgent=True, promised=ordinary.granted)
        if not self._ordinary_first:
            ordinary = await self._reserve(seen, urgent=False, promised=urgent.granted)
        left_out = bool(seen.types) and ordinary.granted == 0
        self._ordinary_first = left_out and (self._ordinary_first or urgent.granted > 0)
        return SendBudget(urgent, ordinary)

    async def give_back(self, allowance: SendBudget, claimed: Sequence[Claimed]) -> None:
        """Return what was reserved beyond what was claimed."""
        used = Counter(one.urgent for one in claimed)
        await self.pacer.give_back(allowance.urgent, allowance.urgent.granted - used[True])
        await self.pacer.give_back(allowance.ordinary, allowance.ordinary.granted - used[False])

    async def unused(self, budget: Budget) -> None:
        """Return what one claimed message did not need; without Redis it is lost, and nobody sends anyway."""
        with suppress(PaceUnavailableError):
            # nobody knows whether it was one of those that went before others: what they may take stays taken
            await self.pacer.give_back(replace(budget, ahead=0), 1)

    async def _reserve(self, seen: Due, *, urgent: bool, promised: int = 0) -> Budget:
        due = seen.urgent if urgent else sum(seen.types.values())
        # half of the slots at once: one half is claimed while the other is sent and recorded
        half = (self.flight.slots + 1) // 2
        want = min(due, self.flight.room(urgent=urgent, promised=promised), half)
        if want == 0:
            return NOT_ASKED
        budget = await self.pacer.reserve(want, urgent=urgent)
        self._show(budget)
        return budget

    def _show(self, budget: Budget) -> None:
        if self.health.checks[CheckName.REDIS].status is not Status.OK:
            self.health.record(CheckName.REDIS, Check(Status.OK, "answers"))
        self.metrics.telegram_gate_closed.labels("bot").set(budget.gate > NO_TIME)
        self.metrics.telegram_rate.set(self.pacer.rate)
        if budget.granted == 0:
            self.metrics.limiter_denied.labels("bot").inc()
