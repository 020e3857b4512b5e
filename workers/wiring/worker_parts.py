"""The wiring: every part of a worker, made once and handed to whoever needs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from health import Health, LogSample, Metrics, Seldom, Spans, find_spans
from inapp.signal import Signal
from outbox.catalog.load import Catalog
from outbox.catalog.load import load as load_catalog
from outbox.database.connection import Pool, close_pool, open_pool
from outbox.database.pgbouncer import is_pooled
from outbox.relay.routing import Routing, routes_of
from telegram import Guard, Pacer, Sender
from workers.configuration.settings import Settings
from workers.maintenance.gauge_leader import GaugeLeader
from workers.maintenance.live_message_pruner import LiveMessagePruner
from workers.pacing.backpressure import Backpressure
from workers.process.heap import settled
from workers.process.redis_client import connect

POOL_SIZE = 6
"""Relay, claim, record, maintain, a look by the operator's probes, and one to spare."""

FREE_BURST, PAID_BURST = 10, 60
FREE_IN_FLIGHT, PAID_IN_FLIGHT = 8, 60
"""Requests under way at once in one worker."""
URGENT_SLOTS = 2
"""How many more there may be of urgent types."""

PAID_RATE = 1000.0
"""Messages per second that Telegram allows in paid broadcast."""


@dataclass(slots=True)
class WorkerParts:
    """What the slices of one worker process share."""

    settings: Settings
    catalog: Catalog
    routes: Routing
    pool: Pool
    redis: Redis
    signal: Signal
    """Tells the API processes whose inbox has changed."""
    sender: Sender
    pacer: Pacer
    bot: Backpressure
    in_flight: int
    metrics: Metrics
    health: Health
    sample: LogSample = field(default_factory=LogSample)
    """Which lines about success are written."""
    unrouted_lines: Seldom = field(default_factory=Seldom)
    """Which lines about types that the catalog does not know are written."""
    spans: Spans = field(default_factory=Spans)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once, when the process is to end: nothing new is begun."""
    stop_by: float | None = None
    """When it has to end (the loop's time); None while nobody has told it to."""
    events_waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when PostgreSQL has said that somebody emitted."""
    lanes_waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when this process's relay has put deliveries into lanes."""
    relay_drained: asyncio.Event = field(default_factory=asyncio.Event)
    """Set in a run with --once when everything committed has been relayed."""
    out_of_reach: set[str] = field(default_factory=set)
    """Dependencies that failed in this run: the exit code of --once."""

    sweep: LiveMessagePruner = field(default_factory=LiveMessagePruner)
    lookout: GaugeLeader = field(default_factory=GaugeLeader)

    @property
    def patience(self) -> float | None:
        """Say how many seconds are left to wait for what is under way; None: as long as it takes."""
        return None if self.stop_by is None else max(0.0, self.stop_by - asyncio.get_running_loop().time())

    @property
    def hears(self) -> bool:
        """Tell whether PostgreSQL can say that somebody emitted; behind PgBouncer looking is all there is."""
        return not is_pooled(self.settings.secret("DATABASE_URL"))

    @property
    def bot_refused(self) -> asyncio.Event:
        """Set while the token or the API base is wrong: nothing is claimed."""
        return self.bot.refused


@asynccontextmanager
async def wire(settings: Settings, health: Health) -> AsyncIterator[WorkerParts]:
    """Make all parts of a worker from its settings, and close them afterwards.

    Raises:
        SettingsError, CatalogError, BadTokenError: nothing can be delivered with these settings.

    """
    catalog = load_catalog(settings.catalog_dir)
    paid = settings.paid_broadcast
    in_flight = PAID_IN_FLIGHT if paid else FREE_IN_FLIGHT
    metrics = Metrics(CollectorRegistry())
    sender = Sender(
        settings.secret("TELEGRAM_BOT_TOKEN"),
        settings.api_base,
        in_flight=in_flight + URGENT_SLOTS,
        paid_broadcast=paid,
        metrics=metrics,
    )
    redis = connect(settings)
    signal = Signal(redis)
    rate = PAID_RATE if paid else settings.bot_rate
    pacer = Pacer(redis, sender.bot_id, rate, PAID_BURST if paid else FREE_BURST)
    guard = Guard(redis, sender.bot_id, settings.unlink_guard_share)
    out_of_reach: set[str] = set()
    bot = Backpressure(pacer, guard, health, metrics, paid=paid, out_of_reach=out_of_reach)
    pool = await open_pool(settings.secret("DATABASE_URL"), size=POOL_SIZE)
    try:
        with settled():
            yield WorkerParts(
                settings=settings,
                catalog=catalog,
                routes=routes_of(catalog),
                pool=pool,
                redis=redis,
                signal=signal,
                sender=sender,
                pacer=pacer,
                bot=bot,
                in_flight=in_flight,
                metrics=metrics,
                health=health,
                sample=settings.sample,
                spans=find_spans(),
                out_of_reach=out_of_reach,
            )
    finally:
        await sender.close()
        await signal.aclose()
        await redis.aclose()
        await close_pool(pool)
