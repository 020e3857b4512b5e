"""`bot`: the process that people talk to."""

import typer

from health import configure
from workers.command.run import BAD_INSTANCE
from workers.command.session import run
from workers.settings import SettingsError, load


def bot() -> None:
    """Take Telegram's updates: people link their chats, choose what they get, and block or leave.

    Polls, or serves a webhook on HTTP_BIND where WEBHOOK_URL is set.
    """
    from workers.reception import receive  # noqa: PLC0415 (aiogram is heavy, and other commands do not need it)

    settings = load()
    if BAD_INSTANCE.search(settings.instance):
        raise SettingsError("INSTANCE is malformed: letters, digits, dot, dash and underscore only")
    configure(settings.log_level, settings.log_format, "bot", settings.instance)
    run(receive(settings))


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(bot)
