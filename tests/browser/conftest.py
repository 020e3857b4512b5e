"""Debian's Chromium for the tests: with a simulator's page open in it, or with pages on which a bell hangs."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from outbox.database.connection import connect
from telegram.simulator import SimulatorOptions, running
from tests.browser.bell_stage import BellStage, bell_stage
from tests.browser.phone import PATIENCE_MS, Phone, opened

CHROMIUM = Path(os.environ.get("VESTNIK_TEST_CHROMIUM", "/usr/bin/chromium"))
expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Find Debian's Chromium, or another that VESTNIK_TEST_CHROMIUM names."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing; on Debian: apt-get install chromium")
    return CHROMIUM


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """Run the Chromium; every test of the module has a profile of its own in it."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS), timeout=PATIENCE_MS)
        yield launched
        await launched.close()


@pytest.fixture
def simulator_options() -> SimulatorOptions:
    """Choose the simulator's limits; a test with limits of its own parametrises this."""
    return SimulatorOptions(port=0, control_port=0, no_limits=True)


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser, simulator_options: SimulatorOptions) -> AsyncIterator[Phone]:
    """Open the page of a new simulator; at the end nothing may have gone wrong in it."""
    async with (
        running(simulator_options) as simulator,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_MS / 1000)) as http,
        opened(browser, simulator, http) as made,
    ):
        yield made
        assert made.faults == []


@pytest_asyncio.fixture(loop_scope="module")
async def bells(browser: Browser, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[BellStage]:
    """Set the stage for bells."""
    conn = await connect(database_url)
    async with bell_stage(browser, conn, database_url, redis_url, tmp_path) as made:
        yield made
    await conn.close()
