"""setWebhook, deleteWebhook and getWebhookInfo."""

import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.arguments import is_true
from telegram.simulator.courier import Courier
from telegram.simulator.integer import read_integer
from telegram.simulator.long_poll import WEBHOOK_SET
from telegram.simulator.refusal import ThrottledError
from telegram.simulator.request import Request
from telegram.simulator.update import ALL_NAMES, DEFAULT_NAMES
from telegram.simulator.webhook import (
    DEFAULT_CONNECTIONS,
    MOST_CONNECTIONS,
    Webhook,
    checked_address,
    checked_secret,
)

SET_AGAIN_SECONDS = 1


async def set_webhook(request: Request) -> Answer:
    """Send the bot's updates to an address from now on; an empty address ends that.

    Raises:
        RefusedError: the address or the secret is wrong; then there is no webhook any more, as with the real server.

    """
    if not request.arguments.get("url"):
        return await delete_webhook(request)
    bot, arguments = request.bot, request.arguments
    _check_pace(request)
    drop = is_true(arguments, "drop_pending_updates")
    wanted = _wanted(request)
    if wanted.same_as(bot.webhook) and not drop:
        bot.updates.allow(arguments.get("allowed_updates", ""))
        return granted(result=True, description="Webhook is already set")
    # While the old one ends another call may set a new one: the last wins.
    while bot.webhook is not None:
        await bot.end_webhook()
    bot.poll.end(WEBHOOK_SET)
    if drop:
        bot.updates.clear()
    checked_secret(wanted.secret_token)
    wanted.address = checked_address(wanted.url)
    bot.updates.allow(arguments.get("allowed_updates", ""))
    bot.webhook, bot.courier = wanted, Courier(wanted, bot.updates, request.perform)
    return granted(result=True, description="Webhook was set")


async def delete_webhook(request: Request) -> Answer:
    """Send the bot's updates nowhere: they wait for getUpdates."""
    bot = request.bot
    known = bot.webhook is not None
    await bot.end_webhook()
    if is_true(request.arguments, "drop_pending_updates"):
        bot.updates.clear()
    return granted(result=True, description="Webhook was deleted" if known else "Webhook is already deleted")


async def get_webhook_info(request: Request) -> Answer:
    """Answer where the updates go, how many wait and what the last failure was."""
    bot = request.bot
    webhook = bot.webhook or Webhook("", max_connections=0)
    info: dict[str, object] = {
        "url": webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(bot.updates.pending(time.time())),
    }
    optional: dict[str, object] = {
        "ip_address": webhook.ip_address,
        "last_error_date": webhook.last_error_date,
        "last_error_message": webhook.last_error,
        "max_connections": webhook.max_connections,
    }
    info |= {name: value for name, value in optional.items() if value}
    if bot.updates.allowed != DEFAULT_NAMES:
        info["allowed_updates"] = [name for name in ALL_NAMES if name in bot.updates.allowed]
    return granted(info)


def _wanted(request: Request) -> Webhook:
    arguments = request.arguments
    return Webhook(
        url=arguments["url"],
        secret_token=arguments.get("secret_token", ""),
        max_connections=read_integer(arguments, "max_connections", DEFAULT_CONNECTIONS, 1, MOST_CONNECTIONS),
        ip_address=arguments.get("ip_address", ""),
    )


def _check_pace(request: Request) -> None:
    """Refuse a second setWebhook within a second."""
    bot, now = request.bot, time.monotonic()
    if now < bot.webhook_again_at and not request.world.options.no_limits:
        raise ThrottledError(SET_AGAIN_SECONDS)
    bot.webhook_again_at = now + SET_AGAIN_SECONDS
