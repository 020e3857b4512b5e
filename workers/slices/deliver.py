"""The deliver slice: look, reserve budget, claim lanes, send, record; each step in its own place."""

from datetime import timedelta
from typing import Self

from health import Check, CheckName, Status, get_logger
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.lane import due, lane_claim
from outbox.lane.due import Due
from outbox.lane.lane_claim import Claimed
from outbox.lane.rotation import Rotation
from telegram import Budget, PaceUnavailableError
from workers.delivery.attempt import attempt
from workers.delivery.expired_lease import settle
from workers.delivery.recorder import Recorder
from workers.pacing.in_flight import InFlight
from workers.pacing.send_budget import BudgetReserver
from workers.process.postgres_retry import Backoff, PostgresOutOfReachError, wait_for, watching_postgres
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import URGENT_SLOTS, WorkerParts

log = get_logger()

LOOK_EVERY_S = 0.25
"""How often due lanes are looked for when nothing wakes the slice."""

REDIS_AWAY_S = 0.5
NOW = timedelta(0)


class Deliverer:
    """Claims as many lanes as may be sent now, and keeps their attempts in flight.

    It lives as long as its process: a slice that ends leaves what is in flight to the next one.
    """

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._recorder = Recorder(parts)
        self._flight = InFlight(parts.in_flight, URGENT_SLOTS, parts.lanes_waiting)
        self._asker = BudgetReserver(parts.pacer, self._flight, parts.health, parts.metrics)
        self._rotation = Rotation()

    async def __aenter__(self) -> Self:
        await self._recorder.start()
        return self

    async def __aexit__(self, *_fault: object) -> None:
        """Let everything in flight end, and record it; what takes too long is left to whoever settles its lease."""
        late = await self._flight.end(self._parts.patience)
        if late:
            log.warning("attempts_abandoned", count=late)
        await self._recorder.stop()

    async def slice(self, turn: Slice) -> None:
        """Deliver until the slice ends; with --once, until nothing is due any more."""
        backoff = Backoff()
        while turn.goes_on:
            try:
                async with watching_postgres(self._parts.health):
                    finished = await self._step(turn)
                backoff.reset()
            except PaceUnavailableError:
                await self._without_redis()
                finished = turn.once
            except PostgresOutOfReachError:
                self._parts.out_of_reach.add("postgres")
                finished = turn.once
                await backoff.wait()
            # a run with --once tells whoever started it, instead of waiting for what may take hours
            if finished or (turn.once and self._parts.out_of_reach):
                break

    async def _step(self, turn: Slice) -> bool:
        """Claim and start what may go now; tell whether a run with --once is done."""
        if self._parts.bot_refused.is_set():
            await wait_for(self._parts.stopping, LOOK_EVERY_S)
            return turn.once
        # whatever comes in or lands from here on is looked for again
        self._parts.lanes_waiting.clear()
        wait: timedelta | None = None
        if self._flight.room(urgent=True):
            async with self._parts.pool.acquire() as conn:
                seen = await due.look(conn, Channel.TELEGRAM, self._flight.slots)
                wait = await self._claim(conn, seen) if seen.wait == NOW else seen.wait
                if seen.wait != NOW and turn.once and not len(self._flight) and await self._drained(conn):
                    return True
        if wait != NOW:
            await self._rest(wait)
        return False

    async def _claim(self, conn: Connection, seen: Due) -> timedelta | None:
        """Claim as many lanes as there is room and budget for; say how long to wait where there is none."""
        allowance = await self._asker.ask(seen)
        claimed: list[Claimed] = []
        try:
            if allowance.granted and not self._parts.stopping.is_set():
                shares = self._rotation.deal(seen.types, allowance.ordinary.granted)
                claimed = await lane_claim.claim_shares(
                    conn,
                    Channel.TELEGRAM,
                    shares,
                    urgent=allowance.urgent.granted,
                    paced=not self._parts.settings.paid_broadcast,
                )
                self._recorder.expect(claimed)
            for one in claimed:
                self._flight.start(self._deliver(one, allowance.of(one)), urgent=one.urgent)
        finally:
            # last: if Redis fails here, what was claimed is on its way all the same
            await self._asker.give_back(allowance, claimed)
        return NOW if allowance.granted else allowance.wait

    async def _deliver(self, claimed: Claimed, budget: Budget) -> None:
        finishes = await attempt(self._parts, claimed, probe=budget.probe)
        if finishes[0].phase is None:
            # nothing was sent: a thousand people who sleep do not slow down those who are awake
            await self._asker.unused(budget)
        await self._recorder.record(finishes)

    async def _drained(self, conn: Connection) -> bool:
        if not self._parts.relay_drained.is_set():
            return False
        # what a dead worker left has to end too, or this run would wait for it for ever
        return await settle(self._parts, conn) == 0 and not await lane_claim.unfinished(conn)

    async def _rest(self, due_in: timedelta | None) -> None:
        seconds = LOOK_EVERY_S if due_in is None else min(LOOK_EVERY_S, due_in.total_seconds())
        await wait_for(self._parts.lanes_waiting, seconds)

    async def _without_redis(self) -> None:
        self._parts.health.record(CheckName.REDIS, Check(Status.UNHEALTHY, "out of reach: nothing is sent"))
        self._parts.out_of_reach.add("redis")
        await wait_for(self._parts.stopping, REDIS_AWAY_S)
