"""The relay's slice: fan out as long as there is something, then sleep until somebody emits."""

import time
from datetime import UTC, datetime

from health import Check, CheckName, Status, get_logger
from outbox import cursor, relay
from outbox.database import Connection
from outbox.error import ForeignClusterError
from outbox.relay import Batch
from workers.parts import Parts
from workers.patience import Backoff, PostgresOutOfReachError, wait_for, watching_postgres
from workers.slice import Slice
from workers.span import note_batch

log = get_logger()

LOOK_EVERY_S = 0.1
"""The relay looks by itself this often, whether or not a NOTIFY comes."""

STAND_BY_S = 0.5
"""How often a relay that found the cursor held by another tries again."""

REFUSED_S = 5.0
"""How often a relay that must not run looks whether that has been mended."""


async def relay_slice(parts: Parts, turn: Slice) -> None:
    """Relay until the slice ends; with --once, until everything committed so far is relayed."""
    try:
        await _relay_on(parts, turn)
    finally:
        if turn.once:
            parts.relay_drained.set()


async def _relay_on(parts: Parts, turn: Slice) -> None:
    backoff = Backoff()
    while turn.goes_on:
        try:
            async with watching_postgres(parts.health):
                done = await _relay(parts, turn)
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


async def _relay(parts: Parts, turn: Slice) -> bool:
    """Relay one batch, or sleep; tell whether everything is relayed."""
    async with parts.pool.acquire() as conn:
        if not await relay.peek(conn, parts.routes):
            _fine(parts)
            if not turn.once:
                await _sleep(parts, turn, conn)
            return True
        began = time.time_ns()
        batch = await relay.step(conn, parts.routes)
    if batch is None:
        await wait_for(parts.stopping, LOOK_EVERY_S if turn.once else STAND_BY_S)
        return False
    parts.signal.send(batch.recipients)
    _note(parts, batch)
    note_batch(parts.spans, batch, began)
    return False


async def _sleep(parts: Parts, turn: Slice, conn: Connection) -> None:
    """Sleep until somebody emits or the slice ends, looking now and then."""
    # who cannot be woken says that it is awake, also after one that could: a NOTIFY costs each emit, and wakes nobody
    await cursor.set_asleep(conn, parts.hears)
    while turn.goes_on:
        parts.events_waiting.clear()
        # the first look finds those who emitted before the flag stood, and so have not notified
        if await relay.peek(conn, parts.routes):
            break
        await wait_for(parts.events_waiting, LOOK_EVERY_S)
    await cursor.set_asleep(conn, False)


def _note(parts: Parts, batch: Batch) -> None:
    for name, count in batch.relayed.items():
        parts.metrics.events_relayed.labels(name).inc(count)
    _log(parts, batch)
    if batch.unrouted:
        log.warning("events_unrouted", count=batch.unrouted)
    parts.metrics.deliveries.labels("inapp", "delivered", "").inc(batch.notifications)
    parts.health.counters.relayed += sum(batch.relayed.values())
    if batch.oldest is not None:
        parts.metrics.relay_lag_seconds.set((datetime.now(UTC) - batch.oldest).total_seconds())
    if batch.lanes:
        parts.lanes_waiting.set()


def _log(parts: Parts, batch: Batch) -> None:
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


def _fine(parts: Parts) -> None:
    parts.metrics.relay_lag_seconds.set(0)
    if parts.health.checks[CheckName.RELAY].status is not Status.OK:
        parts.health.record(CheckName.RELAY, Check(Status.OK, "caught up"))


def _refuse(parts: Parts, refused: ForeignClusterError) -> None:
    if parts.health.checks[CheckName.RELAY].status is not Status.UNHEALTHY:
        log.error("relay_refused", error=refused, command="vestnik-cursor-rebase")
    parts.health.record(CheckName.RELAY, Check(Status.UNHEALTHY, "foreign cluster: run vestnik cursor rebase"))
