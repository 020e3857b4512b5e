"""The deliver slice on real parts: what it claims, and what it leaves alone."""

import asyncio
from datetime import timedelta

from outbox.event_log.event import emit
from outbox.relay import fan_out
from telegram import Budget, Pacer
from tests.integration.stage import PATIENCE_S, Stage, payload
from workers.slices.deliver import Deliverer
from workers.slices.maintain import maintain_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

ORDINARY, URGENT = "application.accepted", "payout.paid"
"""Types of the sample catalog."""


async def broadcast(stage: Stage, parts: WorkerParts, type_: str, *, people: int, first: int = 100) -> list[int]:
    """Emit one event to so many people, and relay it; return their chats."""
    chats = {f"u{first + number}": first + number for number in range(people)}
    await stage.people(chats)
    await emit(stage.conn, type_, list(chats), payload(1))
    while await fan_out.peek(stage.conn, parts.routes):
        await fan_out.step(stage.conn, parts.routes)
    return list(chats.values())


async def run(parts: WorkerParts) -> None:
    """Deliver until nothing is due."""
    async with asyncio.timeout(PATIENCE_S), Deliverer(parts) as deliverer:
        await deliverer.slice(Slice(parts, once=True))


async def test_a_slice_delivers_what_is_due(stage: Stage, parts: WorkerParts) -> None:
    """Urgent and other messages, more than there are slots, are all delivered once."""
    await broadcast(stage, parts, ORDINARY, people=25)
    await broadcast(stage, parts, URGENT, people=25, first=200)
    await run(parts)
    assert await stage.states() == {"sent": 50}
    assert (await stage.order("GET", "counters"))["delivered"] == 50


async def test_nothing_is_claimed_for_a_refused_bot(stage: Stage, parts: WorkerParts) -> None:
    """While the bot is refused nothing is claimed and nothing reserved, and a run ends."""
    await broadcast(stage, parts, URGENT, people=3)
    parts.bot.refused.set()
    await run(parts)
    assert await stage.states() == {"pending": 3}
    assert await stage.conn.fetchval("select count(*) from outbox.run where lease_until is not null") == 0
    assert await parts.redis.keys("*limiter*") == []


async def test_an_opened_gate_is_tried_by_one_message(stage: Stage, parts: WorkerParts) -> None:
    """Behind a gate that has opened one message goes alone, and when it has arrived the others follow."""
    await broadcast(stage, parts, ORDINARY, people=10)
    await stage.order("POST", "faults", {"kind": "error", "method": "sendMessage", "code": 500, "times": 1})
    await parts.pacer.trip()
    await run(parts)
    # the probe failed: a run with --once ends there, with nobody having sent beside it
    assert (await stage.order("GET", "counters"))["calls"] == 1
    assert await stage.states() == {"pending": 10}
    parts.out_of_reach.clear()
    await stage.conn.execute("update outbox.lane set due_at = now() where due_at is not null")
    await run(parts)
    assert await stage.states() == {"sent": 10}


class StopsHere:
    """A pacer that is told to end its worker between a grant and the claim."""

    def __init__(self, parts: WorkerParts) -> None:
        self._pacer, self._stopping = parts.pacer, parts.stopping
        self.rate = parts.pacer.rate
        self.granted = self.returned = 0

    async def reserve(self, want: int, *, urgent: bool = False) -> Budget:
        """Grant, and stop."""
        budget = await self._pacer.reserve(want, urgent=urgent)
        if budget.granted:
            self._stopping.set()
        self.granted += budget.granted
        return budget

    async def give_back(self, budget: Budget, unused: int) -> None:
        """Count what comes back."""
        self.returned += unused
        await self._pacer.give_back(budget, unused)


async def test_nothing_is_claimed_after_sigterm(stage: Stage, parts: WorkerParts) -> None:
    """A worker that is told to end after it has reserved claims nothing and gives all of it back."""
    await broadcast(stage, parts, ORDINARY, people=5)
    stops = StopsHere(parts)
    parts.pacer = stops  # type: ignore[assignment]  # it is one, with a signal at the worst moment
    await run(parts)
    assert stops.granted == stops.returned > 0
    assert await stage.states() == {"pending": 5}
    assert await stage.conn.fetchval("select count(*) from outbox.run where lease_until is not null") == 0


async def test_a_closed_gate_shows_although_nothing_is_due(parts: WorkerParts) -> None:
    """Gate and rate are measured also where nobody asks the limiter: an alert must not see what was an hour ago."""
    await parts.pacer.flood(1, timedelta(minutes=1), bot_wide=True)
    await maintain_slice(parts, Slice(parts, once=True))
    samples = parts.metrics.registry.get_sample_value
    assert samples("vestnik_telegram_gate_closed", {"scope": "bot"}) == 1
    assert samples("vestnik_telegram_rate") == 500
    await parts.redis.flushall()
    parts.pacer = Pacer(parts.redis, parts.sender.bot_id, rate=1000, burst=10)
    await maintain_slice(parts, Slice(parts, once=True))
    assert samples("vestnik_telegram_gate_closed", {"scope": "bot"}) == 0
