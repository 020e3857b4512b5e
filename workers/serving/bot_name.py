"""The bot's name: asked of Telegram when somebody first needs it."""

import asyncio
from collections.abc import Awaitable, Callable

import telegram
from health import get_logger
from workers.configuration.settings import Settings

log = get_logger()

TIMEOUT_S = 5.0
"""Somebody waits for it before a page."""


class BotName:
    """Knows the username of the bot that people write to."""

    def __init__(self, token: str, api_base: str) -> None:
        self._token, self._api_base = token, api_base
        self._name: str | None = None
        self._asking: asyncio.Task[None] | None = None

    async def get(self) -> str | None:
        """Return the username; None while Telegram does not say it. All who wait share one question."""
        if self._name is None:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            # who goes away does not take the answer from the others
            await asyncio.shield(self._asking)
        return self._name

    async def _ask(self) -> None:
        # aiogram takes seconds to load, in which open streams must go on
        make_sender = await asyncio.to_thread(lambda: telegram.Sender)
        try:
            async with make_sender(self._token, self._api_base, timeout=TIMEOUT_S, in_flight=1) as sender:
                self._name = (await sender.get_me()).username
        except telegram.TelegramError as fault:
            log.warning("bot_not_named", error=fault)


def bot_name(settings: Settings) -> Callable[[], Awaitable[str | None]] | None:
    """Make the question for the bot's name; None where no bot is set."""
    token = settings.telegram_bot_token
    return BotName(token.get_secret_value(), settings.api_base).get if token and token.get_secret_value() else None
