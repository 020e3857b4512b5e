"""What the doctor asks Telegram: does it know the bot, and how do updates reach us."""

from datetime import UTC, datetime, timedelta

from telegram import BadTokenError, BotFaultError, BotRefusedError, Sender
from telegram.webhook import Webhook, fault_of
from workers.configuration.settings import Settings, SettingsError
from workers.doctor.finding import Finding, fail, ok, warn

TIMEOUT_S = 15.0
RECENT = timedelta(hours=1)
"""A fault of the webhook's that is older is history."""


async def look_at_bot(settings: Settings) -> list[Finding]:
    """Ask who the bot is and where its updates go; changes nothing, and takes no poller its place."""
    try:
        sender = Sender(settings.secret("TELEGRAM_BOT_TOKEN"), settings.api_base, timeout=TIMEOUT_S)
    except (SettingsError, BadTokenError) as fault:
        return [fail("bot", str(fault), "set TELEGRAM_BOT_TOKEN to what @BotFather gave")]
    async with sender:
        try:
            me = await sender.get_me()
            webhook = await sender.get_webhook()
        except BotRefusedError as fault:
            return [fail("bot", str(fault), "is TELEGRAM_BOT_TOKEN the right one, and TELEGRAM_API_BASE a Bot API?")]
        except BotFaultError as fault:
            return [fail("bot", str(fault), "is Telegram within reach of this machine?")]
    wanted = None if settings.webhook_url is None else str(settings.webhook_url)
    return [ok("bot", f"Telegram knows it as @{me.username}"), judge(wanted, webhook, datetime.now(UTC))]


def judge(wanted: str | None, webhook: Webhook, now: datetime) -> Finding:
    """Compare where updates shall go with where Telegram sends them."""
    if wanted is None:
        return _judge_polling(webhook)
    refused = fault_of(wanted)
    if webhook.url != wanted:
        says = f"Telegram has {'another webhook' if webhook.url else 'no webhook'}; WEBHOOK_URL is not in use"
        if refused:
            return fail("updates", f"{says}: {refused}", "give WEBHOOK_URL an address that Telegram can reach")
        return fail(
            "updates", says, "start `vestnik bot`; if it runs, its health says why Telegram refuses the address"
        )
    if webhook.last_error_at is not None and webhook.last_error_at > now - RECENT:
        says = f"Telegram could not deliver updates, {webhook.pending} wait: {webhook.last_error}"
        return warn("updates", says, "does `vestnik bot` run, and does the proxy before it lead to HTTP_BIND?")
    return ok("updates", f"go to WEBHOOK_URL, {webhook.pending} wait")


def _judge_polling(webhook: Webhook) -> Finding:
    if webhook.url:
        todo = "start `vestnik bot`, which takes the webhook away, or set WEBHOOK_URL"
        return fail("updates", "a webhook is set, so polling is refused; WEBHOOK_URL is not set", todo)
    if webhook.pending:
        todo = "does `vestnik bot` run? If another program polls with this token too, the bot's health says so"
        return warn("updates", f"{webhook.pending} wait, and a bot that polls takes them at once", todo)
    return ok("updates", "none waits for the poller")
