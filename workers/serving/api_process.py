"""`vestnik api`: serve the HTTP API for ever, and end in order on SIGTERM."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from health import (
    CheckName,
    Health,
    Metrics,
    Notifier,
    Status,
    build_app,
    find_spans,
    get_logger,
    keep,
    listen,
    metrics_router,
    serve,
)
from inapp.api import Dependencies, build_api
from inapp.rate import Rate
from inapp.session import Tokens
from inapp.signal import Signal
from inapp.stream_hub import Hub
from outbox.catalog.load import load as load_catalog
from outbox.database.connection import close_pool, open_pool
from workers.configuration.settings import Settings
from workers.process.graceful_stop import stop_on_signals
from workers.process.redis_client import connect
from workers.process.startup import Startup
from workers.serving.bot_name import bot_name
from workers.serving.mini_app_user import mini_app_user

log = get_logger()

USES = (CheckName.POSTGRES, CheckName.REDIS)
HTTP_BIND = "127.0.0.1:8080"
POOL_SIZE = 10
"""Requests that ask PostgreSQL side by side, and the hub."""
BURST_S = 4
"""Seconds of its rate that one caller may use up at once."""


@dataclass(slots=True)
class Api:
    """What the tasks of the API's process share."""

    world: Dependencies
    redis: Redis
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stop_by: float | None = None


@asynccontextmanager
async def furnish(settings: Settings, health: Health) -> AsyncIterator[Api]:
    """Make all parts of the API from its settings, and close them afterwards.

    Raises:
        SettingsError, CatalogError: with these settings it cannot begin.

    """
    secrets = settings.rotated("INBOX_JWT_SECRET")
    consumer_secrets = settings.rotated("OUTBOX_CONSUMER_SECRET")
    catalog = load_catalog(settings.catalog_dir)
    metrics = Metrics(CollectorRegistry())
    redis = connect(settings)
    pool = await open_pool(settings.secret("DATABASE_URL"), size=POOL_SIZE)
    world = Dependencies(
        pool=pool,
        catalog=catalog,
        hub=Hub(pool, redis, catalog, metrics),
        signal=Signal(redis),
        tokens=Tokens(secrets, settings.inbox_jwt_audience),
        rate=Rate(settings.inbox_rate, max(1, round(settings.inbox_rate * BURST_S))),
        consumer_secrets=consumer_secrets,
        health=health,
        metrics=metrics,
        link_base=str(settings.telegram_link_base),
        bot_username=bot_name(settings),
        mini_app_user=mini_app_user(settings),
        origins=settings.inbox_origins,
        sample=settings.sample,
        spans=find_spans(),
    )
    try:
        yield Api(world, redis)
    finally:
        await world.signal.aclose()
        await redis.aclose()
        await close_pool(pool)


async def serve_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends the process at once.

    Raises:
        SettingsError, CatalogError, MigrationError, BindError: it must not begin.

    """
    health, notifier = Health("api", settings.instance, USES), Notifier()
    async with furnish(settings, health) as api:
        # without Redis news come by looking: later, but they come
        foundation = Startup(api.world.pool, api.redis, health, api.stopping, Status.DEGRADED)
        fit = await foundation.is_fit()
        stop_on_signals(api, "api_stopping", notifier=notifier)
        api.world.metrics.heartbeat_timestamp_seconds.set_function(health.heartbeat_timestamp)
        listeners = [(listen(bind), app) for bind, app in _apps(settings, api.world).items()]
        async with asyncio.TaskGroup() as tasks:
            servers = [tasks.create_task(serve(app, listener, api.stopping)) for listener, app in listeners]
            beside = [
                tasks.create_task(keep(health, settings.health_file, notifier=notifier)),
                tasks.create_task(foundation.watch()),
            ]
            if not fit:
                await foundation.wait_until_fit()
            beside += [tasks.create_task(api.world.hub.run()), tasks.create_task(_end_streams(api))]
            log.info("api_started", version=health.version)
            notifier.begin(health)
            await asyncio.wait(servers)
            for task in beside:
                task.cancel()
    log.info("api_stopped")


async def _end_streams(api: Api) -> None:
    """End the live streams with the order to stop: none ends by itself."""
    await api.stopping.wait()
    api.world.hub.close()


def _apps(settings: Settings, world: Dependencies) -> dict[str, FastAPI]:
    """Say what is served where: the API for everybody, metrics for operators."""
    app, registry = build_api(world), world.metrics.registry
    apps = {settings.http_bind or HTTP_BIND: app}
    if settings.metrics_bind in apps:
        app.include_router(metrics_router(registry), include_in_schema=False)
    elif settings.metrics_bind:
        apps[settings.metrics_bind] = build_app(world.health, registry)
    return apps
