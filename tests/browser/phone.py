"""The simulator's page in a browser, the people on it and the bot behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Route

from telegram.simulator import DEVELOPMENT_TOKEN, RunningSimulator

PATIENCE_MS = 60_000
"""How long a page may take on a machine that is busy with something else."""


@dataclass(slots=True)
class Phone:
    """One open page."""

    simulator: RunningSimulator
    http: aiohttp.ClientSession
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    """What the browser complained of: errors, and what the content policy has refused."""
    strangers: list[str] = field(default_factory=list)
    """Addresses outside the simulator that the browser was sent to."""
    offset: int = 0

    async def person(self, chat_id: int, **wanted: object) -> None:
        """Make a chat, or change it."""
        async with self.http.put(f"{self.simulator.control_url}/control/chats/{chat_id}", json=wanted) as answer:
            assert answer.status == 200, await answer.text()

    async def bot(self, method: str, **arguments: object) -> Any:
        """Call the Bot API; give the whole answer."""
        url = f"{self.simulator.url}/bot{DEVELOPMENT_TOKEN}/{method}"
        async with self.http.post(url, json=arguments) as answer:
            return await answer.json()

    async def send(self, chat_id: int, text: str, **arguments: object) -> int:
        """Let the bot send HTML; give the message's id."""
        answer = await self.bot("sendMessage", chat_id=chat_id, text=text, **({"parse_mode": "HTML"} | arguments))
        assert answer["ok"], answer
        number: int = answer["result"]["message_id"]
        return number

    async def update(self) -> Any:
        """Wait for the bot's next update."""
        answer = await self.bot("getUpdates", offset=self.offset, limit=1, timeout=50)
        update = answer["result"][0]
        self.offset = update["update_id"] + 1
        return update

    async def open(self, chat_id: int) -> None:
        """Open a chat on the page."""
        await self.row(chat_id).get_by_role("button").click()
        await self.page.locator(".conversation h2").wait_for()

    def row(self, chat_id: int) -> Locator:
        """Find a chat in the list."""
        return self.page.locator(f'#chats li[data-id="{chat_id}"]')

    def message(self, message_id: int) -> Locator:
        """Find a message of the open chat."""
        return self.page.locator(f'.message[data-id="{message_id}"]')

    def sum(self, name: str) -> Locator:
        """Find a number of the strip."""
        return self.page.locator(f'[data-sum="{name}"]')


@asynccontextmanager
async def opened(
    browser: Browser, simulator: RunningSimulator, http: aiohttp.ClientSession, **choices: Any
) -> AsyncIterator[Phone]:
    """Open the page in a new profile that reaches nothing but the simulator."""
    context = await browser.new_context(
        **({"viewport": {"width": 1280, "height": 860}, "timezone_id": "Europe/Berlin"} | choices)
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    phone = Phone(simulator, http, context, page)

    def hear(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            phone.faults.append(said.text)

    async def refuse(route: Route) -> None:
        phone.strangers.append(route.request.url)
        await route.fulfill(status=200, content_type="text/plain", body="elsewhere")

    await context.route(lambda url: urlsplit(url).netloc != urlsplit(simulator.control_url).netloc, refuse)
    page.on("console", hear)
    page.on("pageerror", lambda error: phone.faults.append(str(error)))
    await page.goto(simulator.control_url)
    yield phone
    await context.close()
