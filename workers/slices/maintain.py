"""The maintain slice: settles what dead workers left, and looks at the backlog for health and metrics."""

import re
import time
from collections.abc import Sequence
from datetime import timedelta

from health import Check, CheckName, Status, get_logger
from outbox.delivery.channel import Channel
from outbox.delivery.state import State
from outbox.link import telegram_update
from telegram import PaceUnavailableError
from workers.delivery.expired_lease import LARGEST, settle
from workers.maintenance.gauge_leader import Reading
from workers.process.postgres_retry import PostgresOutOfReachError, answered, wait_for, watching_postgres
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

log = get_logger()

EVERY_S = 1.0
NO_TIME = timedelta(0)

UNFINISHED = (State.PENDING, State.SENDING, State.DEAD, State.UNKNOWN)


RELAY_LATE_S = 30.0
"""A relay that is further behind is worth a look."""

NAMEABLE = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""A type's name that a health file can show; others are in `vestnik unrouted list`."""

OLD_S = 15.0
"""Gauges that nobody has looked at for so long show nothing of now."""


async def maintain_slice(parts: WorkerParts, turn: Slice) -> None:
    """Settle and look, again and again until the slice ends, and prune once; with --once, once."""
    pruned = False
    while turn.goes_on:
        try:
            async with watching_postgres(parts.health), parts.pool.acquire() as conn:
                asked = time.monotonic()
                while await settle(parts, conn) >= LARGEST:
                    asked = time.monotonic()
                latency_ms = (time.monotonic() - asked) * 1000
                _show(parts, await parts.lookout.step(conn, at_once=turn.once))
                await parts.sweep.step(conn, parts.catalog)
                pruned = pruned or await telegram_update.prune(conn, telegram_update.KEPT, LARGEST) < LARGEST
                answered(parts.health, latency_ms)
            await _show_limiter(parts)
        except PostgresOutOfReachError:
            parts.out_of_reach.add("postgres")
        if turn.once:
            return
        await wait_for(parts.stopping, EVERY_S)


async def _show_limiter(parts: WorkerParts) -> None:
    """Show gate and rate also while nothing is due and so nobody asks."""
    try:
        gate = await parts.pacer.gate_remaining()
    except PaceUnavailableError:
        return
    parts.metrics.telegram_gate_closed.labels("bot").set(gate > NO_TIME)
    parts.metrics.telegram_rate.set(parts.pacer.rate)


def _show(parts: WorkerParts, seen: Reading) -> None:
    metrics, health, gauge = parts.metrics, parts.health, seen.gauge
    for channel in Channel:
        states = gauge.deliveries.get(channel, {})
        for state in UNFINISHED:
            metrics.backlog.labels(channel, state).set(states.get(state, 0))
        metrics.oldest_due_seconds.labels(channel).set(gauge.oldest_due.get(channel, 0))
        metrics.dead_letter_oldest_seconds.labels(channel).set(gauge.oldest_dead.get(channel, 0))
    metrics.oldest_open_transaction_seconds.set(gauge.oldest_transaction)
    # the relay tells it too, but not while it stands still
    metrics.relay_lag_seconds.set(gauge.relay_lag)
    for reason, number in gauge.waiting.items():
        metrics.events_waiting.labels(reason).set(number)
    metrics.unrouted_oldest_seconds.set(gauge.oldest_unrouted)
    metrics.unread_drift.set(seen.drift.drifted)
    for table, size in gauge.bytes.items():
        metrics.outbox_bytes.labels(table).set(size)
    health.lag.relay_seconds = gauge.relay_lag
    health.lag.oldest_due_seconds = max(gauge.oldest_due.values(), default=0.0)
    if health.checks[CheckName.RELAY].status is not Status.UNHEALTHY:
        health.record(CheckName.RELAY, _relay_check(seen))


def _relay_check(seen: Reading) -> Check:
    if seen.age is None or seen.age > OLD_S:
        return Check(Status.DEGRADED, "gauges are old: see vestnik doctor")
    if seen.gauge.relay_lag > RELAY_LATE_S:
        return Check(Status.DEGRADED, "behind: see vestnik status")
    if unrouted := seen.gauge.waiting.get("unrouted", 0):
        return Check(Status.DEGRADED, _unrouted(unrouted, seen.gauge.unrouted_types))
    return Check(Status.OK, "keeps up")


def _unrouted(count: int, types: Sequence[str]) -> str:
    named = [name for name in types if NAMEABLE.fullmatch(name)][:2]
    return f"{count} events of unknown types wait" + (f": {', '.join(named)}" if named else "")
