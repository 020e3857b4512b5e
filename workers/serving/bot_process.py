"""`vestnik bot`: take Telegram's updates for ever, and end in order on SIGTERM."""

import asyncio

from fastapi import FastAPI

from health import (
    NO_TELEMETRY,
    CheckName,
    Health,
    Notifier,
    Status,
    build_app,
    get_logger,
    keep,
    listen,
    probe_router,
    serve,
)
from telegram.bot import Poller, WebhookKeeper, introduce, path_of, publish_commands, secret_of, webhook_router
from workers.configuration.settings import Settings
from workers.process.graceful_stop import stop_on_signals
from workers.process.startup import Startup
from workers.wiring.bot_parts import BotParts, furnish

log = get_logger()

USES = (CheckName.POSTGRES, CheckName.REDIS, CheckName.TELEGRAM)
HTTP_BIND = "127.0.0.1:8080"
"""Where the webhook is served; a proxy with the certificate stands before it."""


async def receive(settings: Settings) -> None:
    """Run the bot until SIGTERM or SIGINT; a second signal ends the process at once.

    Raises:
        SettingsError, CatalogError, MigrationError, BindError: it must not begin.

    """
    health, notifier = Health("bot", settings.instance, USES), Notifier()
    async with furnish(settings, health) as desk:
        # without Redis nobody knows how many answers may go out
        foundation = Startup(desk.pool, desk.redis, health, desk.stopping, Status.UNHEALTHY)
        fit = await foundation.is_fit()
        stop_on_signals(desk, "bot_stopping", notifier=notifier)
        listeners = [(listen(bind), app) for bind, app in _apps(desk).items()]
        desk.metrics.heartbeat_timestamp_seconds.set_function(health.heartbeat_timestamp)
        async with asyncio.TaskGroup() as tasks:
            for listener, app in listeners:
                tasks.create_task(serve(app, listener, desk.stopping))
            beside = [
                tasks.create_task(keep(health, settings.health_file, notifier=notifier)),
                tasks.create_task(foundation.watch()),
            ]
            if not fit:
                await foundation.wait_until_fit()
            log.info("bot_started", version=health.version)
            notifier.begin(health)
            await take_updates(desk)
            for task in beside:
                task.cancel()
        # whatever is still open has answered by now, so nothing more comes to the courier
        await desk.courier.finish(_patience(desk))
    log.info("bot_stopped")


def _patience(desk: BotParts) -> float | None:
    return None if desk.stop_by is None else max(0.0, desk.stop_by - asyncio.get_running_loop().time())


async def take_updates(desk: BotParts) -> None:
    """Take updates in whichever way the settings say, until the process stops."""
    if not await introduce(desk.listener, desk.health, desk.stopping):
        return
    desk.introduced = True
    menus = asyncio.create_task(publish_commands(desk.speaker))
    if desk.settings.webhook_url is None:
        await Poller(desk.listener, desk.reception, desk.health, desk.stopping).run()
    else:
        await _keeper(desk, str(desk.settings.webhook_url)).run()
    menus.cancel()
    await asyncio.gather(menus, return_exceptions=True)


def _keeper(desk: BotParts, url: str) -> WebhookKeeper:
    return WebhookKeeper(desk.listener, url, _secret(desk), health=desk.health, stopping=desk.stopping)


def _secret(desk: BotParts) -> str:
    return secret_of(desk.settings.secret("TELEGRAM_BOT_TOKEN"))


def _apps(desk: BotParts) -> dict[str, FastAPI]:
    """Say what is served where: the webhook for Telegram, probes and metrics for operators."""
    settings, apps = desk.settings, dict[str, FastAPI]()
    if settings.metrics_bind:
        apps[settings.metrics_bind] = build_app(desk.health, desk.metrics.registry)
    if settings.webhook_url is not None:
        bind, path = settings.http_bind or HTTP_BIND, path_of(str(settings.webhook_url))
        # who can reach the webhook has no business with the metrics, unless both shall be in one place
        app = apps.get(bind) or _build_probes(desk)
        app.include_router(webhook_router(path, _secret(desk), desk.reception, desk.metrics, lambda: desk.introduced))
        apps[bind] = app
    return apps


def _build_probes(desk: BotParts) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=NO_TELEMETRY)
    app.include_router(probe_router(desk.health))
    return app
