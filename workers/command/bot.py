"""`bot`: the process that people talk to."""

import typer

from workers.command.setup import begin, run


def bot() -> None:
    """Take Telegram's updates: people link their chats, choose what they get, and block or leave.

    Polls, or serves a webhook on HTTP_BIND where WEBHOOK_URL is set.
    """
    from workers.serving.bot_process import receive  # noqa: PLC0415 (aiogram is heavy, and other commands do not need it)

    settings = begin("bot")
    run(receive(settings))


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(bot)
