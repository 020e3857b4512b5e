"""The Mini App's `initData`: checked with the bot's token."""

from collections.abc import Callable

from workers.settings import Settings


def mini_app_user(settings: Settings) -> Callable[[str], int | None]:
    """Make the check: it gives the Telegram user's id, None where the data does not hold."""
    raise NotImplementedError(settings.instance)
