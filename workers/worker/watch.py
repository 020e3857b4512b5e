"""`vestnik worker --watch`: deliver for ever, and end in order on SIGTERM."""

import asyncio

from redis.exceptions import RedisError

from health import CheckName, Health, Notifier, build_app, get_logger, keep, listen, serve
from outbox.database.connection import Connection, connect
from workers.configuration.settings import Settings
from workers.process.graceful_stop import stop_on_signals
from workers.process.postgres_retry import OUT_OF_REACH, Backoff, wait_for
from workers.process.schema_watch import watch_schema
from workers.slices.deliver import Deliverer
from workers.wiring.worker_parts import WorkerParts, wire
from workers.worker.arq_queue import RunningSlices, keep_slices, make_worker, open_queue, slices_of
from workers.worker.arq_worker import ArqWorker
from workers.worker.get_me import keep_asking
from workers.worker.startup_check import preflight, wait_until_fit

log = get_logger()

CHANNEL = "outbox_event"
"""What `outbox.emit` notifies."""

USES = (CheckName.POSTGRES, CheckName.REDIS, CheckName.TELEGRAM, CheckName.RELAY)

CANCEL_EVERY_S = 0.1


async def watch(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT; a second signal ends the process at once.

    Raises:
        SettingsError, CatalogError, MigrationError, ForeignClusterError, BindError: it must not begin.

    """
    health, notifier = Health("worker", settings.instance, USES), Notifier()
    async with wire(settings, health) as parts:
        fit = await preflight(parts)
        stop_on_signals(parts, notifier=notifier)
        listeners = [listen(bind) for bind in {settings.metrics_bind, settings.http_bind} if bind]
        parts.metrics.heartbeat_timestamp_seconds.set_function(health.heartbeat_timestamp)
        app = build_app(health, parts.metrics.registry)
        async with asyncio.TaskGroup() as tasks:
            for listener in listeners:
                tasks.create_task(serve(app, listener, parts.stopping))
            beside = [
                tasks.create_task(keep(health, settings.health_file, notifier=notifier)),
                tasks.create_task(keep_asking(parts)),
                tasks.create_task(watch_schema(parts.pool, health, parts.stopping)),
            ]
            if parts.hears:
                beside.append(tasks.create_task(_hear_events(parts)))
            if not fit:
                await wait_until_fit(parts)
            log.info("worker_started", version=health.version)
            notifier.begin(health)
            await _work(parts)
            for task in beside:
                task.cancel()
    log.info("worker_stopped", sent=health.counters.sent, relayed=health.counters.relayed)


async def _work(parts: WorkerParts) -> None:
    """Keep the slices running until the process stops, and wait until everything in flight has landed."""
    running = RunningSlices()
    redis = open_queue(parts)
    backoff = Backoff()
    async with Deliverer(parts) as deliverer:
        slices = slices_of(parts, deliverer)
        keeper = asyncio.create_task(keep_slices(parts, running, redis))
        while not parts.stopping.is_set():
            try:
                await _run_arq(parts, make_worker(parts, slices, running, redis, burst=False))
            except (RedisError, OSError, TimeoutError):
                await backoff.wait()
        await wait_for(running.idle, parts.patience)
        await keeper
    await redis.aclose()


async def _run_arq(parts: WorkerParts, worker: ArqWorker) -> None:
    """Run Arq until the process stops or Redis goes away; slices that run then go on by themselves."""
    main = asyncio.create_task(worker.main())
    stop = asyncio.create_task(parts.stopping.wait())
    try:
        await asyncio.wait({main, stop}, return_when=asyncio.FIRST_COMPLETED)
        if main.done():
            main.result()
    finally:
        stop.cancel()
        while not main.done():
            # again and again: a Redis client that is just connecting can swallow it
            main.cancel()
            await asyncio.wait({main}, timeout=CANCEL_EVERY_S)
        await asyncio.gather(main, stop, return_exceptions=True)
        await worker.begun()
        for task in worker.tasks.values():
            # what Arq could not write about an ended slice is nobody's loss
            task.add_done_callback(_forget)


def _forget(task: "asyncio.Task[object]") -> None:
    if not task.cancelled():
        task.exception()


async def _hear_events(parts: WorkerParts) -> None:
    """Wake the relay when somebody emits. Without a connection of its own the relay's own looks are all there is."""
    backoff = Backoff()
    while True:
        try:
            conn = await connect(parts.settings.secret("DATABASE_URL"))
        except OUT_OF_REACH:
            await backoff.wait()
            continue
        try:
            gone = _termination(conn)
            await conn.add_listener(CHANNEL, lambda *_: parts.events_waiting.set())
            backoff.reset()
            await gone.wait()
        except OUT_OF_REACH:
            await backoff.wait()
        finally:
            conn.terminate()


def _termination(conn: Connection) -> asyncio.Event:
    gone = asyncio.Event()
    conn.add_termination_listener(lambda _: gone.set())
    return gone
