"""What the bell looks like; VESTNIK_SCREENSHOTS=renew puts the pictures into the documentation."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.bell_stage import BellStage

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT = 440, 470
SCENE = (
    ("Your application was accepted", "Marble Studio has chosen you for this job: Summer clip", "26 hours", True),
    ("Changes requested: Summer clip", "Comment from Marble Studio:\nA little brighter, please.", "20 hours", True),
    ("Message from Boris Keller", "Hello! When do we talk?", "2 hours", False),
    ("Payout sent: €120.00", "Job: Summer clip (Marble Studio).", "0 seconds", False),
)
AGE = """
update outbox.notification set created_at = now() - $2::text::interval, read_at = case when $3 then now() end
where id = (select max(id) from outbox.notification) and recipient = $1
"""
COUNT = "update outbox.inbox set unread = (select count(*) from outbox.notification where read_at is null)"


async def test_the_bell_has_its_pictures(bells: BellStage, tmp_path: Path) -> None:
    """The open list, light and dark, with read and unread notifications, is in the documentation."""
    for title, text, age, read in SCENE:
        await bells.emit(title, text=text)
        await bells.conn.execute(AGE, "alice", age, read)
    await bells.conn.execute(COUNT)
    context = await bells.profile(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
    bell = await bells.open(context=context)
    await bell.shows("2")
    await bell.button.click()
    await expect(bell.items).to_have_count(len(SCENE))
    for scheme, name in (("light", "bell.png"), ("dark", "bell-dark.png")):
        await bell.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        made = tmp_path / name
        await bell.page.screenshot(path=made)
        assert made.read_bytes()[16:24] == WIDTH.to_bytes(4, "big") + HEIGHT.to_bytes(4, "big")
        if os.environ.get("VESTNIK_SCREENSHOTS") == "renew" or not (IMAGES / name).exists():
            shutil.copy(made, IMAGES / name)
