"""`vestnik worker --once`: deliver all that is due, then end."""

import time
from collections.abc import Callable

from redis.exceptions import RedisError

from health import Check, CheckName, Health, Status, get_logger, write_textfile
from health import write as write_health
from outbox.delivery.outcome import Reason
from outbox.operator import unrouted_event
from workers.configuration.settings import Settings
from workers.process.exit_code import Exit
from workers.process.graceful_stop import stop_on_signals
from workers.process.postgres_retry import PostgresOutOfReachError, watching_postgres
from workers.process.redis_client import why
from workers.slices.deliver import Deliverer
from workers.slices.maintain import maintain_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts, wire
from workers.worker.arq_queue import KINDS, RunningSlices, enqueue, make_worker, open_queue, slices_of
from workers.worker.startup_check import preflight
from workers.worker.watch import USES

log = get_logger()

MOST_TYPES = 20
"""Unknown types that a run names; `vestnik unrouted list` names them all."""


async def run_once(settings: Settings) -> Exit:
    """Deliver all that is due, as one burst of Arq, and tell how it went.

    Raises:
        SettingsError, CatalogError, MigrationError, ForeignClusterError: it must not begin.

    """
    health = Health("worker", settings.instance, USES)
    async with wire(settings, health) as parts:
        await preflight(parts)
        stop_on_signals(parts)
        redis = open_queue(parts)
        async with Deliverer(parts) as deliverer:
            worker = make_worker(parts, slices_of(parts, deliverer), RunningSlices(), redis, burst=True)
            try:
                for kind in KINDS:
                    await enqueue(parts, redis, kind, once=True)
                await worker.main()
            except (RedisError, OSError, TimeoutError) as fault:
                log.error("redis_failed", error=fault)
                parts.health.record(CheckName.REDIS, Check(Status.UNHEALTHY, why(fault)))
                parts.out_of_reach.add("redis")
        await redis.aclose()
        await _name_unrouted(parts)
        code = await _leave_word(parts)
        log.info("run_finished", relayed=health.counters.relayed, sent=health.counters.sent, dead=health.counters.dead)
        return code


async def _name_unrouted(parts: WorkerParts) -> None:
    """Say what waits for its type: it is not due, and whoever reads only this run has to learn of it."""
    if "postgres" in parts.out_of_reach:
        return
    try:
        async with watching_postgres(parts.health), parts.pool.acquire() as conn:
            waiting = await unrouted_event.kinds(conn)
    except PostgresOutOfReachError:
        parts.out_of_reach.add("postgres")
        return
    for kind in waiting[:MOST_TYPES]:
        log.warning("events_wait", type=kind.type, count=kind.events, reason=Reason.UNROUTED)


async def _leave_word(parts: WorkerParts) -> Exit:
    """Write health file and metrics for those who look when the process is gone; tell how the run went."""
    settings, health = parts.settings, parts.health
    if (settings.health_file or settings.metrics_textfile) and "postgres" not in parts.out_of_reach:
        # the slice of the run has looked before all was delivered
        await maintain_slice(parts, Slice(parts, once=True))
    code = _code(parts)
    health.beat()
    if (file := settings.health_file) is not None:
        _write("health_file_unwritable", "HEALTH_FILE", lambda: write_health(file, health))
    if (textfile := settings.metrics_textfile) is not None:
        _show_run(parts, code)
        registry = parts.metrics.registry
        _write("metrics_textfile_unwritable", "METRICS_TEXTFILE", lambda: write_textfile(textfile, registry))
    return code


def _code(parts: WorkerParts) -> Exit:
    if parts.out_of_reach:
        return Exit.OUT_OF_REACH
    return Exit.DIED if parts.health.counters.dead else Exit.DONE


def _show_run(parts: WorkerParts, code: Exit) -> None:
    metrics = parts.metrics
    metrics.heartbeat_timestamp_seconds.set_function(parts.health.heartbeat_timestamp)
    metrics.once_timestamp_seconds.labels(str(int(code))).set(time.time())
    if "postgres" in parts.out_of_reach:
        # a lag of 0 that nobody has looked for would end an alert
        for gauge in (metrics.relay_lag_seconds, metrics.oldest_open_transaction_seconds, metrics.unread_drift):
            metrics.registry.unregister(gauge)


def _write(fault: str, setting: str, write: Callable[[], None]) -> None:
    """Write, or log why not: what has been delivered is delivered, also where the disk is full."""
    try:
        write()
    except OSError as error:
        log.warning(fault, error=error, setting=setting)
