"""A stage for the bell: the API, a relay, and pages of another origin on which the bell hangs."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

import jwt
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, expect
from playwright.async_api import Request as Asked
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route as Path_

from health import Health, listen, port_of, serve
from inapp.api import build_api
from outbox.catalog.load import load as load_catalog
from outbox.database.connection import Connection
from outbox.event_log import event
from outbox.relay import fan_out
from outbox.relay.routing import routes_of
from tests.browser.phone import PATIENCE_MS
from tests.integration.api_stage import JWT_SECRET, SECRETS, api_settings
from workers.configuration.settings import Settings
from workers.embedded.engine import free_port
from workers.serving.api_process import USES, Api, furnish

LOOPBACK = "127.0.0.1"
AT_ONCE = timedelta(0)
LONG_FROM_NOW = 4_102_444_800
"""2100: a token that expires is one test's subject."""
CATALOG = """
default_language = "en"
[types.note]
category = "notes"
channels = ["inapp"]
link = "{{ url }}"
sample = { title = "Hello", text = "", url = "/jobs/1" }
"""
TEXTS = """
generic = "You have a new notification"
[categories]
notes = "Notes"
[types.note]
title = "{{ title }}"
body = "{{ text }}"
"""
HEAD = """<!doctype html><html lang="{lang}" dir="{dir}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>A page</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">
<script type="module" src="{api}/inbox/vestnik-bell.js"></script>"""
STYLE = """
:root { color-scheme: light dark; background: light-dark(#eef1f5, #0e141a); font-family: sans-serif; }
body { margin: 0; padding: 12px; }
header { display: flex; justify-content: space-between; }
a { position: fixed; inset-block-end: 12px; }
"""


def policy(api: str) -> str:
    """Say what the page may load, as docs/bell.md recommends it, and no text may become markup."""
    return (
        f"default-src 'none'; script-src {api}; style-src 'self'; connect-src {api}; img-src data:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


@dataclass(slots=True)
class Bell:
    """One bell in one tab."""

    page: Page
    faults: list[str] = field(default_factory=list)
    """What the browser complained of: errors, dialogs, and what the content policy has refused."""
    asked: list[str] = field(default_factory=list)
    """Requests to the API: method and path."""
    answered: list[str] = field(default_factory=list)
    """Those of them whose whole answer is there."""

    @property
    def button(self) -> Locator:
        """Find the bell itself."""
        return self.page.locator("vestnik-bell [part=button]")

    @property
    def badge(self) -> Locator:
        """Find the count on it."""
        return self.page.locator("vestnik-bell [part=badge]")

    @property
    def panel(self) -> Locator:
        """Find what opens."""
        return self.page.locator("vestnik-bell").get_by_role("dialog")

    @property
    def items(self) -> Locator:
        """Find the notifications in the list."""
        return self.page.locator("vestnik-bell [part~=item]")

    def item(self, title: str) -> Locator:
        """Find one notification by its title."""
        return self.items.filter(has=self.page.locator("[part=title]").get_by_text(title, exact=True))

    async def shows(self, count: str) -> None:
        """Wait until the badge says so; an empty text is no badge."""
        if count:
            await expect(self.badge).to_have_text(count)
        await expect(self.badge).to_be_visible(visible=bool(count))

    async def lists(self, *titles: str) -> None:
        """Wait until the list has just these titles, from the top."""
        await expect(self.page.locator("vestnik-bell [part=title]")).to_have_text(list(titles))

    async def heard(self, name: str) -> list[Any]:
        """Give what the page has heard of one kind of the bell's events."""
        told: list[Any] = await self.page.evaluate(
            "name => window.heard.filter(([n]) => n === name).map(x => x[1])", name
        )
        return told

    async def tell(self, script: str) -> Any:
        """Run a function of the page with the bell as its argument."""
        return await self.page.locator("vestnik-bell").evaluate(script)


LISTEN = """
window.heard = [];
for (const name of ["vestnik-unread", "vestnik-unauthorized", "vestnik-open"])
  document.addEventListener(name, (event) => window.heard.push([name, event.detail]));
"""


@dataclass(slots=True)
class BellStage:
    """Everything that a bell stands on."""

    settings: Settings
    conn: Connection
    browser: Browser
    origin: str
    """Where the pages are."""
    port: int
    """Where the API is, also after it was restarted."""
    profiles: AsyncExitStack
    parts: Api | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def api(self) -> str:
        """Name the address of the API."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Serve the API."""
        self.parts = await self._stack.enter_async_context(_served(self.settings, self.port))

    async def stop(self) -> None:
        """End the API, and every connection to it."""
        await self._stack.aclose()
        self.parts = None

    async def emit(self, *titles: str, to: str = "alice", text: str = "", url: str = "") -> None:
        """Let notifications come, one event each."""
        for title in titles:
            await event.emit(self.conn, "note", [to], {"title": title, "text": text, "url": url})
        routes = routes_of(load_catalog(self.settings.catalog_dir))
        while (batch := await fan_out.step(self.conn, routes)) and (batch.relayed or batch.more):
            pass
        self.signal(to)

    def signal(self, recipient: str) -> None:
        """Tell the API, if it runs, whose inbox has changed."""
        if self.parts is not None:
            self.parts.world.signal.send([recipient])

    def token(self, recipient: str, *, issued_at: int = 1, expires_at: int = LONG_FROM_NOW) -> str:
        """Sign somebody in."""
        return jwt.encode({"sub": recipient, "iat": issued_at, "exp": expires_at}, JWT_SECRET, "HS256")

    async def profile(self, **choices: Any) -> BrowserContext:
        """Begin a new profile in the browser."""
        context = await self.browser.new_context(
            **({"viewport": {"width": 480, "height": 640}, "locale": "en-US", "timezone_id": "UTC"} | choices)
        )
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(LISTEN)
        self.profiles.push_async_callback(context.close)
        return context

    async def open(
        self,
        recipient: str = "alice",
        *,
        context: BrowserContext | None = None,
        html: Mapping[str, str] | None = None,
        **attributes: str,
    ) -> Bell:
        """Open a page with a bell in a new tab."""
        page = await (context or await self.profile()).new_page()
        bell = Bell(page)
        page.on("console", lambda said: _note(bell, said))
        page.on("pageerror", lambda error: bell.faults.append(str(error)))
        page.on("dialog", lambda dialog: _dismiss(bell, dialog))
        page.on("request", lambda asked: bell.asked.append(_call(asked, self.api)))
        page.on("requestfinished", lambda asked: bell.answered.append(_call(asked, self.api)))
        given = {"token": self.token(recipient), "src": self.api, **attributes}
        await page.goto(f"{self.origin}/?" + _query({"attributes": given, "html": html or {}}))
        return bell


def _query(said: object) -> str:
    return "say=" + json.dumps(said).encode().hex()


def _call(asked: Asked, api: str) -> str:
    return f"{asked.method} {asked.url.removeprefix(api)}"


def _note(bell: Bell, said: ConsoleMessage) -> None:
    if said.type in ("error", "warning"):
        bell.faults.append(said.text)


async def _dismiss(bell: Bell, dialog: Dialog) -> None:
    bell.faults.append(f"dialog: {dialog.message}")
    await dialog.dismiss()


@asynccontextmanager
async def _served(settings: Settings, port: int) -> AsyncIterator[Api]:
    """Serve the API on a port; at the end every connection breaks, as when the process is gone."""
    async with furnish(settings, Health("api", "a1", USES)) as parts:
        hub = asyncio.create_task(parts.world.hub.run())
        listener = listen(f"{LOOPBACK}:{port}")
        serving = asyncio.create_task(serve(build_api(parts.world), listener, parts.stopping, AT_ONCE))
        try:
            yield parts
        finally:
            hub.cancel()
            parts.stopping.set()
            await asyncio.gather(serving, hub, return_exceptions=True)


def _pages(api: str) -> Starlette:
    async def show(request: Request) -> Response:
        said = json.loads(bytes.fromhex(request.query_params["say"]))
        html = {"lang": "en", "dir": "ltr", "api": api} | said["html"]
        attributes = " ".join(
            f'{name.replace("_", "-")}="{escape(value)}"' for name, value in said["attributes"].items()
        )
        body = f"<header><b>Shop</b><vestnik-bell {attributes}></vestnik-bell></header><a href='/terms'>Terms</a>"
        return HTMLResponse(HEAD.format(**html) + body, headers={"content-security-policy": policy(api)})

    async def style(_: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    async def elsewhere(request: Request) -> Response:
        return HTMLResponse(
            f"<title>{escape(request.url.path)}</title>", headers={"content-security-policy": policy(api)}
        )

    return Starlette(routes=[Path_("/", show), Path_("/page.css", style), Path_("/{path:path}", elsewhere)])


@asynccontextmanager
async def bell_stage(
    browser: Browser, conn: Connection, database_url: str, redis_url: str, folder: Path
) -> AsyncIterator[BellStage]:
    """Set the stage, with the API running."""
    (folder / "catalog.toml").write_text(CATALOG)
    (folder / "en.toml").write_text(TEXTS)
    (folder / "ru.toml").write_text(TEXTS)
    port, page_listener = free_port(), listen(f"{LOOPBACK}:0")
    origin = f"http://{LOOPBACK}:{port_of(page_listener)}"
    given: dict[str, Any] = {name.lower(): value for name, value in api_settings(database_url, redis_url).items()}
    secrets = {name.lower(): value for name, value in SECRETS.items()}
    settings = Settings(**{**given, **secrets, "catalog_dir": folder, "inbox_origins": origin})
    stop = asyncio.Event()
    pages = asyncio.create_task(serve(_pages(f"http://{LOOPBACK}:{port}"), page_listener, stop, AT_ONCE))
    async with AsyncExitStack() as profiles:
        stage = BellStage(settings, conn, browser, origin, port, profiles)
        await stage.start()
        try:
            yield stage
        finally:
            await profiles.aclose()
            await stage.stop()
            stop.set()
            await pages
