"""What stays after the run with `--stay`: a worker, the bot, and an application with one person who may link a chat."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

from health import listen, port_of, serve
from outbox.catalog import load as load_catalog
from outbox.database import open_pool
from telegram import Sender
from workers import sample
from workers.demo.page import Application, build_app
from workers.demo.run import worker
from workers.demo.stage import Stage
from workers.process import process

BIND = "127.0.0.1:0"


def stay(stage: Stage, tell: Callable[[str], None]) -> None:
    """Keep everything running until Ctrl-C; `tell` is given a line to print for each place to look at."""
    with ExitStack() as stack:
        stack.enter_context(worker(stage, stage.folder / "stay.json"))
        own = {"INSTANCE": "demo-bot", "HEALTH_FILE": str(stage.folder / "bot.json")}
        stack.enter_context(process(["bot"], {**stage.environment, **own}, stage.folder / "bot.log"))
        asyncio.run(_serve(stage, tell))


async def _serve(stage: Stage, tell: Callable[[str], None]) -> None:
    person = next(person for person in sample.people() if person.chat == "none")
    environment = stage.environment
    async with Sender(environment["TELEGRAM_BOT_TOKEN"], stage.bot_api) as sender:
        me = await sender.get_me()
    pool = await open_pool(stage.database_url, size=2)
    application = Application(
        pool, load_catalog(sample.CATALOG), person.recipient, me.username, environment["TELEGRAM_LINK_BASE"]
    )
    listener = listen(BIND)
    tell(f"the application: http://127.0.0.1:{port_of(listener)}/ (connect Telegram, then emit an event)")
    tell(f"everybody's chats: {stage.control}/")
    tell(f"Bot API: {stage.bot_api}   DATABASE_URL={stage.database_url}")
    tell("Ctrl-C ends it")
    try:
        await serve(build_app(application), listener, asyncio.Event())
    finally:
        await pool.close()
