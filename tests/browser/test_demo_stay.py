"""`vestnik demo --stay` in a browser: one person links a chat, gets the next event, and sees others in the inbox."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.phone import PATIENCE_MS
from tests.integration.stage import PROJECT
from workers.embedded.engine import temporary_folder

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONGEST_S = 300
"""The sample's run comes first: half a minute at Telegram's rate, and more on a machine that is busy."""
ADDRESS = re.compile(r"the application: (http://127\.0\.0\.1:\d+/)")


@contextmanager
def staying(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the demo until it stays; yield it and the address of its application."""
    command = [sys.executable, "-m", "workers", "demo", "--stay"]
    environment = {**os.environ, "TMPDIR": str(folder), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        give_up = threading.Timer(LONGEST_S, started.kill)
        give_up.start()
        try:
            assert started.stdout is not None
            said = []
            for line in started.stdout:
                said.append(line)
                if found := ADDRESS.search(line):
                    yield started, found[1]
                    break
            else:
                pytest.fail("".join(said))
        finally:
            give_up.cancel()
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGINT)
            started.communicate(timeout=LONGEST_S)


def left_in(folder: Path) -> list[str]:
    """Name every file that is left in a folder."""
    return [file.name for file in folder.iterdir()]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a folder for all temporary files of the demo."""
    with temporary_folder("vestnik-test-stay-") as made:
        yield made


async def test_a_person_links_a_chat_and_gets_the_next_event(browser: Browser, folder: Path) -> None:
    """The application leads to the bot, Start links the chat, the next event arrives, and the bell counts on."""
    with staying(folder) as (demo, application):
        context = await browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        await page.goto(application)
        await expect(page.locator("#state")).to_have_text("Telegram is not connected.")

        async with context.expect_page() as opened:
            await page.locator("#connect").click()
        chat = await opened.value
        await chat.get_by_role("dialog").get_by_role("button", name="Start").click()
        messages = chat.locator(".conversation .message")
        await expect(messages.filter(has_text="/settings").first).to_be_visible(timeout=PATIENCE_MS)
        assert "start=" not in chat.url

        await page.goto(application)
        await expect(page.locator("#state")).to_have_text("Telegram is connected.")
        await page.locator('[data-type="payout.paid"]').click()
        await expect(page.locator("#emitted")).to_contain_text("is written")
        await expect(messages.last.locator("strong").first).to_contain_text("Payout")

        await page.locator("#bell").click()
        badge = page.locator("vestnik-bell [part=badge]")
        await expect(badge).to_be_visible(timeout=PATIENCE_MS)
        before = int(await badge.inner_text())
        await page.get_by_label("How many").fill("2")
        await page.get_by_role("button", name="Emit").click()
        await expect(badge).to_have_text(str(before + 2))
        await context.close()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(LONGEST_S) == 130
    assert left_in(folder) == []
