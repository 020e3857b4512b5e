"""The desk: every part of the bot's process, made once and handed to whoever needs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from health import Check, CheckName, Health, Metrics, Status
from outbox.catalog.load import load as load_catalog
from outbox.database.connection import Pool, close_pool, open_pool
from telegram import Pacer
from telegram.bot import ChatPace, Client, ReplyQueue, UpdateIntake, build_dispatcher
from workers.configuration.settings import Settings
from workers.process.redis_client import connect
from workers.wiring.unit_of_work import UnitOfWork
from workers.wiring.worker_parts import FREE_BURST, PAID_BURST, PAID_RATE

POOL_SIZE = 6
"""Chats that are answered side by side, and one connection to look whether PostgreSQL is there."""
IN_FLIGHT = 8
"""Answers under way at once."""
TIMEOUT_S = 30.0
"""Telegram holds a message back for up to 8 s before it refuses it."""
SECONDS_OF_A_MINUTE = 60


@dataclass(slots=True)
class BotParts:
    """What the tasks of the bot's process share."""

    settings: Settings
    pool: Pool
    redis: Redis
    listener: Client
    """Asks for updates, and nothing else."""
    speaker: Client
    """Answers people."""
    courier: ReplyQueue
    reception: UpdateIntake
    metrics: Metrics
    health: Health
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stop_by: float | None = None
    introduced: bool = False
    """Telegram knows the bot, and the bot its own name."""


@asynccontextmanager
async def furnish(settings: Settings, health: Health) -> AsyncIterator[BotParts]:
    """Make all parts of the bot from its settings, and close them afterwards.

    Raises:
        SettingsError, CatalogError, BadTokenError: with these settings it cannot begin.

    """
    catalog = load_catalog(settings.catalog_dir)
    metrics = Metrics(CollectorRegistry())
    token, api_base = settings.secret("TELEGRAM_BOT_TOKEN"), settings.api_base
    listener = Client(token, api_base, timeout=TIMEOUT_S, connections=2, metrics=metrics)
    speaker = Client(token, api_base, timeout=TIMEOUT_S, connections=IN_FLIGHT, metrics=metrics)
    redis = connect(settings)
    pool = await open_pool(settings.secret("DATABASE_URL"), size=POOL_SIZE)
    told = partial(record_redis, health)
    courier = ReplyQueue(speaker, _pacer(settings, redis, speaker.bot.id), _pace(settings), metrics, told)
    reception = UpdateIntake(listener, build_dispatcher(), catalog, UnitOfWork(pool, health), courier, metrics)
    try:
        yield BotParts(settings, pool, redis, listener, speaker, courier, reception, metrics, health)
    finally:
        await listener.close()
        await speaker.close()
        await redis.aclose()
        await close_pool(pool)


def record_redis(health: Health, answers: bool) -> None:  # noqa: FBT001 (it is all that is told)
    """Tell health whether Redis answers: without it no answer goes out, all else goes on."""
    health.record(CheckName.REDIS, Check(Status.OK, "answers") if answers else Check(Status.UNHEALTHY, "out of reach"))


def _pacer(settings: Settings, redis: Redis, bot_id: int) -> Pacer:
    """Make the limiter that the workers share: with the same rate, or the two would not mean the same by it."""
    if settings.paid_broadcast:
        return Pacer(redis, bot_id, PAID_RATE, PAID_BURST)
    return Pacer(redis, bot_id, settings.bot_rate, FREE_BURST)


def _pace(settings: Settings) -> ChatPace:
    return ChatPace(settings.chat_rate, settings.group_rate_per_minute / SECONDS_OF_A_MINUTE)
