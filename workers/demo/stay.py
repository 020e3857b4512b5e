"""What stays after the run with `--stay`: a worker, the bot, the HTTP API, and an application with one person."""

import asyncio
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack

from health import listen, port_of, serve
from inapp.session import Tokens
from outbox.catalog.load import load as load_catalog
from outbox.database.connection import open_pool
from telegram import Sender
from workers.demo import sample_stream
from workers.demo.bell import DemoInbox, build_bell
from workers.demo.page import Application, build_app
from workers.demo.rehearsal import worker
from workers.demo.stage import Stage
from workers.embedded import engine
from workers.embedded.child_process import process

BIND = "127.0.0.1:0"


def stay(stage: Stage, tell: Callable[[str], None]) -> None:
    """Keep everything running until Ctrl-C; `tell` is given a line to print for each place to look at."""
    listener = listen(BIND)
    api = f"127.0.0.1:{engine.free_port()}"
    secret = secrets.token_urlsafe(32)
    of_api = {
        "HTTP_BIND": api,
        "INBOX_ORIGINS": _origin(listener),
        "INBOX_JWT_SECRET": secret,
        "OUTBOX_CONSUMER_SECRET": secrets.token_urlsafe(32),
    }
    with ExitStack() as stack:
        stack.callback(listener.close)
        stack.enter_context(worker(stage, stage.folder / "stay.json"))
        for name, more in (("bot", {}), ("api", of_api)):
            own = {"INSTANCE": f"demo-{name}", "HEALTH_FILE": str(stage.folder / f"{name}.json"), **more}
            stack.enter_context(process([name], {**stage.environment, **own}, stage.folder / f"{name}.log"))
        asyncio.run(_serve(stage, listener, f"http://{api}", Tokens((secret,)), tell))


async def _serve(stage: Stage, listener: socket.socket, api: str, tokens: Tokens, tell: Callable[[str], None]) -> None:
    person = next(person for person in sample_stream.people() if person.chat == "none")
    environment = stage.environment
    async with Sender(environment["TELEGRAM_BOT_TOKEN"], stage.bot_api) as sender:
        me = await sender.get_me()
    pool, catalog = await open_pool(stage.database_url, size=2), load_catalog(sample_stream.CATALOG)
    app = build_app(Application(pool, catalog, person.recipient, me.username, environment["TELEGRAM_LINK_BASE"]))
    app.include_router(build_bell(DemoInbox(pool, catalog, person.recipient, api, tokens)))
    tell(f"the application: {_origin(listener)}/ (connect Telegram, then emit an event)")
    tell(f"the same person's inbox: {_origin(listener)}/bell")
    tell(f"everybody's chats: {stage.control}/")
    tell(f"HTTP API: {api}/api/docs   Bot API: {stage.bot_api}   DATABASE_URL={stage.database_url}")
    tell("Ctrl-C ends it")
    try:
        await serve(app, listener, asyncio.Event())
    finally:
        await pool.close()


def _origin(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{port_of(listener)}"
