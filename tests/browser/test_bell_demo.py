"""The demo's page with the bell: an application around it, and a Mini App."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect

from health import listen, port_of, serve
from inapp.session import Tokens
from outbox.catalog.load import load as load_catalog
from outbox.database.connection import open_pool
from outbox.person import recipient
from outbox.person.recipient import Profile
from telegram.simulator import DEVELOPMENT_TOKEN
from tests.browser.bell_stage import AT_ONCE, Bell, BellStage
from tests.integration.api_stage import JWT_SECRET
from workers.demo.bell import DemoInbox, build_bell

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = 4242


@asynccontextmanager
async def demo(bells: BellStage) -> AsyncIterator[str]:
    """Serve the page over the stage's inbox of alice; yield its address."""
    listener, stop = listen("127.0.0.1:0"), asyncio.Event()
    origin = f"http://127.0.0.1:{port_of(listener)}"
    await bells.stop()
    bells.settings = bells.settings.model_copy(update={"inbox_origins": (origin,)})
    await bells.start()
    pool = await open_pool(bells.settings.secret("DATABASE_URL"), size=2)
    app = FastAPI()
    catalog = load_catalog(bells.settings.catalog_dir)
    app.include_router(build_bell(DemoInbox(pool, catalog, "alice", bells.api, Tokens((JWT_SECRET,)))))
    serving = asyncio.create_task(serve(app, listener, stop, AT_ONCE))
    try:
        yield f"{origin}/bell"
    finally:
        stop.set()
        await serving
        await pool.close()


async def visit(bells: BellStage, address: str) -> Bell:
    """Open the page."""
    page: Page = await (await bells.profile()).new_page()
    bell = Bell(page)
    page.on("console", lambda said: bell.faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: bell.faults.append(str(error)))
    await page.goto(address)
    return bell


def init_data(user: int) -> str:
    """Sign what Telegram opens a Mini App with."""
    fields = {"auth_date": str(int(time.time())), "query_id": "AAE", "user": json.dumps({"id": user})}
    told = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    key = hmac.digest(b"WebAppData", DEVELOPMENT_TOKEN.encode(), hashlib.sha256)
    return urlencode({**fields, "hash": hmac.new(key, told.encode(), hashlib.sha256).hexdigest()})


async def test_an_event_of_the_form_is_counted_by_the_bell(bells: BellStage) -> None:
    """The form emits events for the one person, and the bell beside it counts them; the content policy holds."""
    async with demo(bells) as address:
        bell = await visit(bells, address)
        await expect(bell.page.locator("#state")).to_have_text("You are signed in.")
        await bell.page.get_by_label("How many").fill("3")
        await bell.page.get_by_role("button", name="Emit").click()
        await expect(bell.page.locator("#state")).to_have_text("Written.")
        await bells.emit()
        await bell.shows("3")
        await expect(bell.page).to_have_title("(3) Vestnik demo: the bell")
        await bell.button.click()
        await bell.lists("Hello", "Hello", "Hello")
        await bell.page.keyboard.press("Escape")
        await bell.page.get_by_label("Language").select_option("ru")
        await bell.button.click()
        await expect(bell.panel.get_by_role("heading")).to_have_text("Уведомления")
        assert bell.faults == []


async def test_a_mini_app_signs_in_with_telegram(bells: BellStage) -> None:
    """Opened as a Mini App, the page signs in with what Telegram signed, and keeps none of it in its address."""
    await recipient.save(bells.conn, [Profile("bob", chat_id=CHAT)])
    await bells.emit("of bob", to="bob")
    async with demo(bells) as address:
        bell = await visit(bells, f"{address}#tgWebAppData={quote(init_data(CHAT))}&tgWebAppVersion=8.0")
        await expect(bell.page.locator("#state")).to_have_text("You are signed in with Telegram.")
        await bell.shows("1")
        assert bell.page.url == address
        stranger = await visit(bells, f"{address}#tgWebAppData={quote(init_data(CHAT + 1))}")
        await expect(stranger.page.locator("#state")).to_contain_text("Not signed in: this Telegram user is linked")
        await stranger.shows("")
        assert bell.faults == []
