import pytest
from playwright.async_api import expect

from tests.browser.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOT = "/t.me/vestnik_1000000001_bot"


async def test_a_deep_link_starts_a_new_person(phone: Phone) -> None:
    """Whoever opens the link as a new person starts the bot with its token, which then leaves the address."""
    await phone.page.goto(f"{phone.simulator.control_url}{BOT}?start=TOKEN-1_x")
    dialog = phone.page.get_by_role("dialog", name="Open @vestnik_1000000001_bot")
    await dialog.get_by_label("Name").fill("Лена")
    await dialog.get_by_label("Language").select_option("ru")
    await dialog.get_by_role("button", name="Start").click()
    message = (await phone.update())["message"]
    assert message["text"] == "/start TOKEN-1_x"
    assert (message["from"]["first_name"], message["from"]["language_code"]) == ("Лена", "ru")
    await expect(phone.page.get_by_role("heading", name="Лена")).to_be_visible()
    assert phone.page.url == f"{phone.simulator.control_url}/#chat={message['chat']['id']}"


async def test_a_deep_link_is_opened_as_somebody_who_is_there(phone: Phone) -> None:
    """The link can be opened as a person of the list; who had blocked the bot unblocks it so."""
    await phone.person(42, name="Anna", state="blocked")
    await phone.page.goto(f"{phone.simulator.control_url}{BOT.upper().replace('/T.ME', '/t.me')}?start=abc")
    dialog = phone.page.get_by_role("dialog")
    await dialog.get_by_label("Who are you?").select_option("42")
    await expect(dialog.get_by_label("Name")).to_be_hidden()
    await dialog.get_by_role("button", name="Start").click()
    assert (await phone.update())["my_chat_member"]["new_chat_member"]["status"] == "member"
    assert (await phone.update())["message"]["text"] == "/start abc"
    await expect(phone.page.get_by_role("heading", name="Anna")).to_be_visible()
    assert list(phone.simulator.world.chats) == [42]


async def test_a_payload_that_telegram_would_drop_is_dropped(phone: Phone) -> None:
    """A start parameter with other characters is not passed on, and the dialog says so."""
    await phone.page.goto(f"{phone.simulator.control_url}{BOT}?start=a%20b")
    await expect(phone.page.get_by_role("dialog")).to_contain_text("Telegram would not pass it on")
    await phone.page.get_by_role("dialog").get_by_role("button", name="Start").click()
    assert (await phone.update())["message"]["text"] == "/start"


async def test_a_link_to_another_bot_says_so(phone: Phone) -> None:
    """A link to a bot that the simulator does not have names those that it has."""
    answer = await phone.page.goto(f"{phone.simulator.control_url}/t.me/other_bot?start=abc")
    assert answer is not None
    assert answer.status == 404
    dialog = phone.page.get_by_role("dialog", name="No such bot")
    await expect(dialog).to_contain_text("@other_bot. Its bots: @vestnik_1000000001_bot.")
    await dialog.get_by_role("button", name="Show the chats").click()
    await expect(dialog).to_have_count(0)
    assert phone.page.url == f"{phone.simulator.control_url}/"
    # the browser itself notes the 404
    assert [fault for fault in phone.faults if "404" not in fault] == []
    phone.faults.clear()
