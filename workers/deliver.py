"""The deliver slice: reserve budget, claim lanes, send, record; each step in its own place."""

import asyncio
from datetime import timedelta
from typing import Self

from health import Check, CheckName, Status, get_logger
from outbox import lane
from outbox.channel import Channel
from outbox.database import Connection
from outbox.lane import Claimed
from telegram import Budget, PaceUnavailableError
from workers.attempt import attempt
from workers.maintain import settle
from workers.parts import Parts
from workers.patience import Backoff, PostgresOutOfReachError, wait_for, watching_postgres
from workers.recorder import Recorder
from workers.slice import Slice

log = get_logger()

LOOK_EVERY_S = 0.1
"""How often due lanes are looked for when nothing wakes the slice."""

REDIS_AWAY_S = 0.5
NOTHING = timedelta(0)


class Deliverer:
    """Claims as many lanes as may be sent now, and keeps their attempts in flight.

    It lives as long as its process: a slice that ends leaves what is in flight to the next one.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._recorder = Recorder(parts)
        self._in_flight: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._recorder.start()
        return self

    async def __aexit__(self, *_fault: object) -> None:
        """Let everything in flight end, and record it."""
        if self._in_flight:
            await asyncio.wait(self._in_flight)
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
        free = self._parts.in_flight - len(self._in_flight)
        if free == 0:
            await asyncio.wait(self._in_flight, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            return False
        self._parts.lanes_waiting.clear()
        async with self._parts.pool.acquire() as conn:
            due_in = await lane.next_due(conn, Channel.TELEGRAM)
            if due_in == NOTHING:
                due_in = await self._claim(conn, free)
            elif turn.once and not self._in_flight and await self._drained(conn):
                return True
        if due_in != NOTHING:
            await self._rest(due_in)
        return False

    async def _claim(self, conn: Connection, free: int) -> timedelta:
        """Claim as many lanes as there is budget for; say how long to wait where there is none."""
        budget = await self._reserve(free)
        if budget.granted == 0:
            self._parts.metrics.limiter_denied.labels("bot").inc()
            return budget.wait
        claimed = await lane.claim(conn, Channel.TELEGRAM, budget.granted)
        for one in claimed:
            task = asyncio.create_task(self._deliver(one))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        # last: if Redis fails here, what was claimed is on its way all the same
        await self._parts.pacer.give_back(budget, budget.granted - len(claimed))
        return NOTHING

    async def _reserve(self, free: int) -> Budget:
        budget = await self._parts.pacer.reserve(free)
        if self._parts.health.checks[CheckName.REDIS].status is not Status.OK:
            self._parts.health.record(CheckName.REDIS, Check(Status.OK, "answers"))
        self._parts.metrics.telegram_gate_closed.labels("bot").set(budget.gate > NOTHING)
        return budget

    async def _deliver(self, claimed: Claimed) -> None:
        await self._recorder.record(await attempt(self._parts, claimed))

    async def _drained(self, conn: Connection) -> bool:
        if not self._parts.relay_drained.is_set():
            return False
        # what a dead worker left has to end too, or this run would wait for it for ever
        return await settle(self._parts, conn) == 0 and not await lane.unfinished(conn)

    async def _rest(self, due_in: timedelta | None) -> None:
        seconds = LOOK_EVERY_S if due_in is None else min(LOOK_EVERY_S, due_in.total_seconds())
        await wait_for(self._parts.lanes_waiting, seconds)

    async def _without_redis(self) -> None:
        self._parts.health.record(CheckName.REDIS, Check(Status.UNHEALTHY, "out of reach: nothing is sent"))
        self._parts.out_of_reach.add("redis")
        await wait_for(self._parts.stopping, REDIS_AWAY_S)
