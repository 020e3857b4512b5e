"""The bot's name: asked of Telegram when somebody first needs it."""

from workers.settings import Settings


class BotName:
    """Knows the username of the bot that people write to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def get(self) -> str | None:
        """Return the username; None while Telegram does not say it, or where no bot is set."""
        raise NotImplementedError
