"""What the page looks like; VESTNIK_SCREENSHOTS=renew puts the picture into the documentation."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect

from telegram.simulator import SimulatorOptions
from tests.browser.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "simulator.png"
WIDTH, HEIGHT = 1440, 900
NOON = 1_767_268_800
"""The first of January 2026, 12:00 UTC: a picture made again shows the same time."""
PEOPLE = (
    (1001, "Анна Ковалёва", "started"),
    (1002, "Boris Keller", "started"),
    (1003, "דניאל לוי", "started"),
    (1004, "سارة", "started"),
    (1005, "Emma", "none"),
    (1006, "Georg", "blocked"),
    (1007, "Hana", "deactivated"),
)
GROUP = -1001234567890
LETTER = """<b>Payout sent</b> 😀
<i>Summer clip</i> for <u>Marble Studio</u>: <s>12.00</s> <b>10.00 EUR</b>
Reference <code>PX-4711</code>, code <tg-spoiler>8812</tg-spoiler>
<blockquote>Thank you for the quick delivery!</blockquote>
<pre><code class="language-json">{"payout": 4711, "state": "paid"}</code></pre>
<a href="https://market.example/jobs/1">The job</a> · #payout"""
BUTTONS = {
    "inline_keyboard": [
        [{"text": "Open the payout", "url": "https://market.example/payouts/4711"}],
        [{"text": "Mute payouts", "callback_data": "mute:payout"}, {"text": "Settings", "callback_data": "settings"}],
    ]
}
OVERFLOW = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.parametrize(
    "simulator_options", [SimulatorOptions(port=0, control_port=0, group_rate_per_minute=1, longest_hold=0)]
)
async def test_the_page_has_its_picture(phone: Phone, tmp_path: Path) -> None:
    """A conversation with every formatting, buttons, a wait, a fault and the calls fit on one picture."""
    page = phone.page
    await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    await _scene(phone)
    await phone.open(1001)
    await page.get_by_role("button", name="Calls").click()
    await expect(page.locator("#calls tbody tr")).not_to_have_count(0)
    await expect(page.locator(".message.out")).to_be_visible()
    await expect(page.get_by_role("list", name="Active faults").get_by_role("listitem")).to_have_count(1)
    made = tmp_path / "simulator.png"
    await page.screenshot(path=made)
    assert made.read_bytes()[16:24] == WIDTH.to_bytes(4, "big") + HEIGHT.to_bytes(4, "big")
    if os.environ.get("VESTNIK_SCREENSHOTS") == "renew" or not PICTURE.exists():
        shutil.copy(made, PICTURE)


async def _scene(phone: Phone) -> None:
    for chat_id, name, state in PEOPLE:
        await phone.person(chat_id, name=name, state=state)
    await phone.person(GROUP, name="Studio crew", type="supergroup")
    await phone.send(GROUP, "New brief #summer is open")
    await phone.send(1004, "<b>تم الدفع</b>: 100 €", disable_notification=True)
    await phone.send(1003, "שלום, התשלום בדרך")
    await phone.send(1002, "Your clip was approved")
    await phone.send(1001, LETTER, reply_markup=BUTTONS, disable_notification=True, protect_content=True)
    await phone.send(1001, "<b>שלום</b> Анна: <a href='tg://user?id=1003'>דניאל</a> כתב לך הודעה חדשה.")
    assert (await phone.bot("sendMessage", chat_id=GROUP, text="Hurry"))["error_code"] == 429
    fault = {"kind": "latency", "method": "sendMessage", "seconds": 2, "times": 3}
    async with phone.http.post(f"{phone.simulator.control_url}/control/faults", json=fault) as answer:
        assert answer.status == 200
    say = f"{phone.simulator.control_url}/control/chats/1001/say"
    async with phone.http.post(say, json={"text": "/settings"}) as answer:
        assert answer.status == 200
    _at_noon(phone)


def _at_noon(phone: Phone) -> None:
    minutes = {GROUP: -41, 1004: -17, 1003: -9, 1002: -6, 1001: 0}
    for chat in phone.simulator.world.chats.values():
        for message in chat.messages:
            message.date = NOON + 60 * minutes[chat.chat_id]
    for call in phone.simulator.world.journal.after(0):
        call.time = NOON + call.number / 10


async def test_a_small_screen_shows_one_thing_at_a_time(phone: Phone) -> None:
    """On a phone's width the list gives way to the conversation and comes back; at no width does the page overflow."""
    page = phone.page
    await phone.person(42, name="Anna")
    await phone.send(42, LETTER, reply_markup=BUTTONS)
    await phone.send(42, "x" * 300)
    for width in (1280, 900, 390):
        await page.set_viewport_size({"width": width, "height": 780})
        assert not await page.evaluate(OVERFLOW), width
    await phone.open(42)
    await expect(page.get_by_role("navigation", name="Chats")).to_be_hidden()
    await expect(phone.message(2)).to_be_visible()
    assert not await page.evaluate(OVERFLOW)
    await page.get_by_role("button", name="Back to the chats").click()
    await expect(phone.row(42)).to_be_visible()


async def test_dark_and_light_follow_the_system(phone: Phone) -> None:
    """The page takes the system's colours, and its text can be read in both."""
    await phone.page.emulate_media(color_scheme="light")
    await expect(phone.page.locator("body")).to_have_css("background-color", "rgb(233, 237, 242)")
    await expect(phone.page.locator("body")).to_have_css("color", "rgb(23, 33, 43)")
    await phone.page.emulate_media(color_scheme="dark")
    await expect(phone.page.locator("body")).to_have_css("background-color", "rgb(14, 21, 28)")
    await expect(phone.page.locator("body")).to_have_css("color", "rgb(238, 243, 248)")
