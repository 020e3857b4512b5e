"""The Mini App's `initData`: checked with the bot's token."""

from collections.abc import Callable
from datetime import UTC, datetime

from telegram.mini_app import user_of
from workers.configuration.settings import Settings


def mini_app_user(settings: Settings) -> Callable[[str], int | None]:
    """Make the check: it gives the Telegram user's id, None where the data does not hold, or where no bot is set."""
    secret = settings.telegram_bot_token
    token = "" if secret is None else secret.get_secret_value()

    def check(init_data: str) -> int | None:
        # an empty key would be everybody's
        return user_of(init_data, token, datetime.now(UTC)) if token else None

    return check
