"""Keeps the webhook set: Telegram forgets none, but others may set another, and an address may be refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from aiogram.methods import GetWebhookInfo, SetWebhook

from health import Check, CheckName, Health, Status, get_logger
from telegram.answer import Answer, Refused, Taken
from telegram.bot.answer_check import REFUSED_PAUSE_S, WELL, ReplyBackoff, check_of
from telegram.bot.client import Client
from telegram.bot.incoming import KINDS
from telegram.bot.stopping import pause, unless_stopped
from telegram.webhook import Webhook

log = get_logger()

LOOK_EVERY_S = 60.0
RECENT = timedelta(minutes=2)
"""A fault that is older is over: Telegram tries again within a minute."""
BAD_REQUEST = 400
DEFAULT_PORTS = {"http": 80, "https": 443}

REASONS = (
    ("https url must be provided", "Telegram takes https addresses only"),
    ("only on ports", "Telegram takes the ports 80, 88, 443 and 8443 only"),
    ("failed to resolve host", "Telegram finds no host of that name"),
    ("is reserved", "Telegram cannot reach an address of a private network"),
    ("ipv6-only", "Telegram needs an IPv4 address"),
    ("invalid webhook url", "it is no address of the web"),
    ("certificate", "its certificate is not valid"),
)
"""Telegram's words for a refused address, and ours, which quote nothing of it."""


class WebhookKeeper:
    """Have updates sent to one address."""

    def __init__(self, client: Client, url: str, secret: str, *, health: Health, stopping: asyncio.Event) -> None:
        self._client = client
        self._url = url
        self._method = SetWebhook(url=url, secret_token=secret, allowed_updates=list(KINDS))
        self._health = health
        self._stopping = stopping
        self._patience = ReplyBackoff()

    async def run(self) -> None:
        """Set the webhook, and look at it every minute, until the process stops; it stays set then."""
        wait, is_set = 0.0, False
        while not self._stopping.is_set():
            step = self._look() if is_set else self._set()
            answered = await unless_stopped(self._stopping, step)
            if answered is None:
                return
            is_set, wait = answered
            await pause(self._stopping, wait)

    async def _set(self) -> tuple[bool, float]:
        """Set it; tell whether it is set, and when to do the next step."""
        answer = await self._client.ask(self._method)
        if isinstance(answer, Taken):
            self._patience.reset()
            log.info("webhook_set")
            self._health.record(CheckName.TELEGRAM, WELL)
            return True, LOOK_EVERY_S
        reason = refusal_of(answer)
        if reason is None:
            self._health.record(CheckName.TELEGRAM, check_of(answer))
            return False, self._patience.after(answer)
        self._health.record(CheckName.TELEGRAM, Check(Status.UNHEALTHY, f"WEBHOOK_URL is refused: {reason}"))
        return False, REFUSED_PAUSE_S

    async def _look(self) -> tuple[bool, float]:
        answer = await self._client.ask(GetWebhookInfo())
        webhook = Webhook.read(answer.result) if isinstance(answer, Taken) else None
        if webhook is None:
            self._health.record(CheckName.TELEGRAM, check_of(answer))
            return True, self._patience.after(answer)
        self._patience.reset()
        if _place(webhook.url) != _place(self._url):
            log.warning("webhook_lost")
            return False, 0.0
        self._health.record(CheckName.TELEGRAM, _judged(webhook, datetime.now(UTC)))
        return True, LOOK_EVERY_S


def refusal_of(answer: Answer) -> str | None:
    """Say why Telegram refuses the address; None where it is not the address."""
    if not isinstance(answer, Refused) or answer.status != BAD_REQUEST:
        return None
    told = answer.description.lower()
    if "webhook" not in told and "url" not in told:
        return None
    return next((words for part, words in REASONS if part in told), "see vestnik doctor")


def _place(url: str) -> tuple[object, ...]:
    """Tell where an address leads, however it is written."""
    parts = urlsplit(url)
    return parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme), parts.path or "/", parts.query


def _judged(webhook: Webhook, now: datetime) -> Check:
    failed_at = webhook.last_error_at
    if webhook.pending and failed_at is not None and failed_at > now - RECENT:
        return Check(Status.DEGRADED, "updates do not get through to WEBHOOK_URL: see vestnik doctor")
    return WELL
