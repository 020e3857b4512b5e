"""The relay's slice: fan out as long as there is something, then sleep until somebody emits."""

import time
from datetime import UTC, datetime

from health import Check, CheckName, Status, get_logger
from outbox.cursor import snapshot_cursor
from outbox.database.connection import Connection
from outbox.error import ForeignClusterError
from outbox.operator import unrouted_event
from outbox.relay import fan_out
from outbox.relay.fan_out import Batch
from workers.delivery.delivery_span import note_batch
from workers.process.postgres_retry import Backoff, PostgresOutOfReachError, wait_for, watching_postgres
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

log = get_logger()

LOOK_EVERY_S = 0.25
"""The relay looks by itself this often, whether or not a NOTIFY comes."""

UNHEARD_LOOK_EVERY_S = 0.1
"""The same where no NOTIFY can come, and with --once behind another relay."""

STAND_BY_S = 0.5
"""How often a relay that found the cursor held by another tries again."""

MOST_TYPES = 20
"""Unknown types of one batch that the log names."""

REFUSED_S = 5.0
"""How often a relay that must not run looks whether that has been mended."""


async def relay_slice(parts: WorkerParts, turn: Slice) -> None:
    """Relay until the slice ends; with --once, until everything committed so far is relayed."""
    try:
        await _relay_on(parts, turn)
    finally:
        if turn.once:
            parts.relay_drained.set()


async def _relay_on(parts: WorkerParts, turn: Slice) -> None:
    backoff, sleep = Backoff(), Sleep(parts, turn)
    while turn.goes_on:
        try:
            async with watching_postgres(parts.health):
                done = await _relay(parts, turn, sleep)
            backoff.reset()
        except PostgresOutOfReachError:
            parts.out_of_reach.add("postgres")
            if turn.once:
                return
            await backoff.wait()
        except ForeignClusterError as refused:
            _refuse(parts, refused)
            if turn.once:
                raise
            await wait_for(parts.stopping, REFUSED_S)
        else:
            if done and turn.once:
                return


async def _relay(parts: WorkerParts, turn: Slice, sleep: "Sleep") -> bool:
    """Relay one batch, or sleep until there is one; return whether everything was relayed before."""
    async with parts.pool.acquire() as conn:
        found = await fan_out.peek(conn, parts.routes)
        if not found:
            _fine(parts)
            if turn.once or not await sleep.until_woken(conn):
                return True
        began = time.time_ns()
        batch = await fan_out.step(conn, parts.routes)
        if batch is not None:
            _note(parts, batch)
            note_batch(parts.spans, batch, began)
            if batch.unrouted:
                await _name_unrouted(parts, conn, batch)
        # after the step, on which somebody waits: only who emits while there is more goes without the NOTIFY
        if found or not turn.goes_on:
            await sleep.end(conn)
    if batch is None:
        await wait_for(parts.stopping, UNHEARD_LOOK_EVERY_S if turn.once else STAND_BY_S)
    return False


class Sleep:
    """The sleep of the relay: from when on whoever emits wakes it, and until it stays awake."""

    def __init__(self, parts: WorkerParts, turn: Slice) -> None:
        self._parts = parts
        self._turn = turn
        self._flagged = False

    async def until_woken(self, conn: Connection) -> bool:
        """Sleep until somebody emits, looking now and then; return false where the slice ended before that."""
        events = self._parts.events_waiting
        # who cannot be woken says that it is awake: a NOTIFY that wakes nobody costs each emit
        if not self._flagged:
            events.clear()
            await snapshot_cursor.set_asleep(conn, self._parts.hears)
            self._flagged = True
        while self._turn.goes_on:
            # the first look finds those who emitted before the flag stood, and so have not notified
            if await fan_out.peek(conn, self._parts.routes):
                return True
            await wait_for(events, LOOK_EVERY_S if self._parts.hears else UNHEARD_LOOK_EVERY_S)
            if events.is_set():
                events.clear()
                return True
        await self.end(conn)
        return False

    async def end(self, conn: Connection) -> None:
        """Say that the relay is awake: nobody has to wake it."""
        if self._flagged:
            await snapshot_cursor.set_asleep(conn, False)
            self._flagged = False


def _note(parts: WorkerParts, batch: Batch) -> None:
    if batch.lanes:
        parts.lanes_waiting.set()
    for name, count in batch.relayed.items():
        parts.metrics.events_relayed.labels(name).inc(count)
    parts.signal.send(batch.recipients)
    _log(parts, batch)
    parts.metrics.deliveries.labels("inapp", "delivered", "").inc(batch.notifications)
    parts.health.counters.relayed += sum(batch.relayed.values())
    if batch.oldest is not None:
        parts.metrics.relay_lag_seconds.set((datetime.now(UTC) - batch.oldest).total_seconds())


async def _name_unrouted(parts: WorkerParts, conn: Connection, batch: Batch) -> None:
    """Say which types are unknown, each at most once a minute."""
    aside = batch.scheduled + batch.unrouted
    for name, count in (await unrouted_event.newest(conn, aside, MOST_TYPES)).items():
        if parts.unrouted_lines.takes(name):
            log.warning("events_unrouted", count=count, type=name)


def _log(parts: WorkerParts, batch: Batch) -> None:
    """State what became of the events; of batches a sample, as of whatever simply succeeds."""
    if batch.scheduled:
        log.info("events_scheduled", count=batch.scheduled)
    if batch.first is None or not parts.sample.takes(None, batch.first):
        return
    count = sum(batch.relayed.values())
    log.info(
        "events_relayed",
        count=count,
        notifications=batch.notifications,
        deliveries=batch.deliveries,
        skipped=batch.skipped,
        **({"event_id": batch.first} if count == 1 else {}),
        **parts.sample.mark,
    )


def _fine(parts: WorkerParts) -> None:
    parts.metrics.relay_lag_seconds.set(0)
    if parts.health.checks[CheckName.RELAY].status is not Status.OK:
        parts.health.record(CheckName.RELAY, Check(Status.OK, "caught up"))


def _refuse(parts: WorkerParts, refused: ForeignClusterError) -> None:
    if parts.health.checks[CheckName.RELAY].status is not Status.UNHEALTHY:
        log.error("relay_refused", error=refused, command="vestnik-cursor-rebase")
    parts.health.record(CheckName.RELAY, Check(Status.UNHEALTHY, "foreign cluster: run vestnik cursor rebase"))
