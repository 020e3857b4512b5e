import re

import pytest
from playwright.async_api import expect

from telegram.simulator import DEVELOPMENT_TOKEN, SimulatorOptions
from tests.browser.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")

MUTE = {"text": "Mute", "callback_data": "mute:news"}
KEYBOARD = {"inline_keyboard": [[MUTE, {"text": "Open", "url": "https://market.example/jobs/1"}]]}
ANSWERS_429 = SimulatorOptions(port=0, control_port=0, chat_rate=0.01, longest_hold=0)


async def test_a_message_appears_and_changes_without_a_reload(phone: Phone) -> None:
    """What the bot sends, edits and deletes is followed by the open conversation; another chat shows it as unread."""
    await phone.person(42, name="Anna")
    await phone.person(43, name="Boris")
    await phone.open(42)
    await phone.send(42, "one")
    await phone.send(42, "two", disable_notification=True, protect_content=True)
    await phone.send(43, "elsewhere")
    await expect(phone.message(1).locator(".text")).to_have_text("one")
    await expect(phone.message(2).get_by_label("arrived without a sound")).to_be_visible()
    await expect(phone.message(2).get_by_label("protected")).to_be_visible()
    await expect(phone.row(43).locator(".last")).to_have_text("elsewhere")
    await expect(phone.row(43).locator(".unread")).to_have_text("1")
    await expect(phone.row(42).locator(".unread")).to_have_count(0)
    await phone.bot("editMessageText", chat_id=42, message_id=1, text="changed")
    await phone.bot("deleteMessage", chat_id=42, message_id=2)
    await expect(phone.message(1)).to_contain_text("changed")
    await expect(phone.message(1).locator(".edited")).to_be_visible()
    await expect(phone.message(2)).to_have_count(0)
    await phone.open(43)
    await expect(phone.row(43).locator(".unread")).to_have_count(0)


async def test_what_the_person_types_reaches_the_bot(phone: Phone) -> None:
    """Enter sends the text, the bot gets it as an update, and the box is empty again; a tapped command is said."""
    await phone.person(42, name="Anna", language_code="ru")
    await phone.open(42)
    box = phone.page.get_by_role("textbox", name="Write as this person")
    await box.fill("привет 😀")
    await box.press("Enter")
    message = (await phone.update())["message"]
    assert (message["text"], message["from"]["id"], message["from"]["language_code"]) == ("привет 😀", 42, "ru")
    await expect(phone.page.locator(".message.out .text")).to_have_text("привет 😀")
    await expect(box).to_have_value("")
    await phone.send(42, "try /status now")
    await phone.page.get_by_role("button", name="/status", exact=True).click()
    assert (await phone.update())["message"]["text"] == "/status"


async def test_a_tapped_button_reaches_the_bot_and_its_answer_is_shown(phone: Phone) -> None:
    """A callback button sends its data; the bot's answer shows as a toast, or as an alert that has to be closed."""
    await phone.person(42)
    await phone.send(42, "news", reply_markup=KEYBOARD)
    await phone.open(42)
    button = phone.page.get_by_role("button", name="Mute")
    await button.click()
    query = (await phone.update())["callback_query"]
    assert (query["data"], query["message"]["message_id"], query["from"]["id"]) == ("mute:news", 1, 42)
    await expect(button).to_have_attribute("aria-busy", "true")
    await phone.bot("answerCallbackQuery", callback_query_id=query["id"], text="<b>Muted</b>")
    await expect(phone.page.get_by_role("status").get_by_text("<b>Muted</b>")).to_be_visible()
    await expect(button).not_to_have_attribute("aria-busy", "true")
    await button.press("Enter")
    query = (await phone.update())["callback_query"]
    await phone.bot("answerCallbackQuery", callback_query_id=query["id"], text="Sure?", show_alert=True)
    alert = phone.page.get_by_role("dialog", name="Answer of the bot")
    await expect(alert).to_contain_text("Sure?")
    await alert.get_by_role("button", name="OK").click()
    await expect(alert).to_have_count(0)


async def test_a_link_button_opens_a_new_tab(phone: Phone) -> None:
    """A url button leads elsewhere in a new tab that knows nothing of the page; nothing else leaves the simulator."""
    await phone.person(42)
    await phone.send(42, "news", reply_markup=KEYBOARD)
    await phone.open(42)
    async with phone.context.expect_page() as opening:
        await phone.page.get_by_role("link", name="Open").click()
    tab = await opening.value
    await tab.wait_for_load_state()
    assert (tab.url, await tab.evaluate("window.opener")) == ("https://market.example/jobs/1", None)
    # the browser's own request for an icon of that tab may or may not come
    assert {url for url in phone.strangers if "favicon" not in url} == {"https://market.example/jobs/1"}
    assert phone.page.url == f"{phone.simulator.control_url}/#chat=42"


async def test_start_block_unblock_and_deactivate(phone: Phone) -> None:
    """Each switch changes how the person stands to the bot, the bot is told, and the foot offers what is possible."""
    page = phone.page
    await phone.person(42, name="Anna", state="none")
    await phone.open(42)
    await page.get_by_role("button", name="Start", exact=True).click()
    assert (await phone.update())["message"]["text"] == "/start"
    blocked, deactivated = page.get_by_role("switch", name="Blocked"), page.get_by_role("switch", name="Deactivated")
    await blocked.click()
    change = (await phone.update())["my_chat_member"]
    assert (change["old_chat_member"]["status"], change["new_chat_member"]["status"]) == ("member", "kicked")
    await expect(blocked).to_be_checked()
    await expect(blocked).to_be_focused()
    await expect(phone.row(42).locator(".state")).to_have_text("blocked")
    assert (await phone.bot("sendMessage", chat_id=42, text="x"))["error_code"] == 403
    await page.get_by_role("button", name="Unblock").click()
    assert (await phone.update())["my_chat_member"]["new_chat_member"]["status"] == "member"
    await expect(page.get_by_role("textbox", name="Write as this person")).to_be_visible()
    await deactivated.press("Space")
    await expect(page.get_by_text("This account is deleted")).to_be_visible()
    answer = await phone.bot("sendMessage", chat_id=42, text="x")
    assert answer["description"] == "Forbidden: user is deactivated"


async def test_a_new_person_is_made(phone: Phone) -> None:
    """A new person has a free id, a name and a language, and has never started the bot; an id in use is refused."""
    await phone.person(1001, name="Anna")
    await expect(phone.row(1001)).to_be_visible()
    await phone.page.get_by_role("button", name="New person").click()
    dialog = phone.page.get_by_role("dialog", name="New person")
    await expect(dialog.get_by_label("Chat id")).to_have_value("1002")
    await dialog.get_by_label("Name").fill("Борис")
    await dialog.get_by_label("Language").select_option("ru")
    await dialog.get_by_label("Chat id").fill("1001")
    await dialog.get_by_role("button", name="Make").click()
    await expect(dialog.get_by_role("alert")).to_have_text("chat 1001 is there already")
    await dialog.get_by_label("Chat id").fill("1002")
    await dialog.get_by_role("button", name="Make").click()
    await expect(phone.page.get_by_role("heading", name="Борис")).to_be_visible()
    chat = phone.simulator.world.chats[1002]
    assert (chat.state.value, chat.name, chat.language_code) == ("none", "Борис", "ru")


@pytest.mark.parametrize("simulator_options", [ANSWERS_429])
async def test_the_strip_shows_sums_waits_and_faults(phone: Phone) -> None:
    """A 429 shows as throttled and as a wait with its seconds; a fault is ordered, shown, used up and cleared."""
    page = phone.page
    await phone.person(42, name="Anna")
    await phone.open(42)
    await phone.send(42, "one")
    assert (await phone.bot("sendMessage", chat_id=42, text="two"))["error_code"] == 429
    await expect(phone.sum("delivered")).to_have_text("1")
    await expect(phone.sum("throttled")).to_have_text("1")
    await expect(phone.sum("violations")).to_have_text("1")
    await expect(phone.sum("waits")).to_have_text(re.compile(r"1 · \d+ s"))
    await page.get_by_role("button", name="Order a fault").click()
    dialog = page.get_by_role("dialog", name="Order a fault")
    await expect(dialog.get_by_label("Chat")).to_have_value("42")
    await expect(dialog.get_by_label("Seconds")).to_be_hidden()
    await dialog.get_by_label("Error code").fill("403")
    await dialog.get_by_label("How often").fill("2")
    await dialog.get_by_role("button", name="Order").click()
    chips = page.get_by_role("list", name="Active faults").get_by_role("listitem")
    await expect(chips).to_have_text(["error sendMessage · chat 42 · 2×"])
    assert (await phone.bot("sendMessage", chat_id=42, text="x"))["error_code"] == 403
    await expect(chips).to_have_text(["error sendMessage · chat 42 · 1×"])
    await page.get_by_role("button", name="Clear all").click()
    await expect(chips).to_have_count(0)
    assert phone.simulator.world.faults.orders == []


async def test_the_waits_are_in_the_control_api_too(phone: Phone) -> None:
    """A test can ask for the limits that are used up at this moment."""
    async with phone.http.get(f"{phone.simulator.control_url}/control/waits") as answer:
        assert await answer.json() == []


@pytest.mark.parametrize(
    "simulator_options",
    [SimulatorOptions(port=0, control_port=0, tokens=("7:first", DEVELOPMENT_TOKEN))],
)
async def test_of_several_bots_one_is_spoken_to(phone: Phone) -> None:
    """Where the simulator has several bots, the box says to which one the person writes."""
    await phone.person(42)
    await phone.open(42)
    await phone.page.get_by_label("To which bot").select_option("@vestnik_1000000001_bot")
    await phone.page.get_by_role("textbox", name="Write as this person").fill("for the second")
    await phone.page.keyboard.press("Enter")
    assert (await phone.update())["message"]["text"] == "for the second"


async def test_the_last_calls_are_listed(phone: Phone) -> None:
    """The drawer lists the calls, newest first, with what came of each; a chat in it can be opened."""
    page = phone.page
    await phone.person(42, name="Anna")
    await phone.person(43, name="Boris", state="blocked")
    await phone.send(42, "one")
    await page.get_by_role("button", name="Calls").click()
    rows = page.locator("#calls tbody tr")
    await expect(rows).to_have_count(1)
    await phone.bot("sendMessage", chat_id=43, text="x")
    await expect(rows).to_have_count(2)
    assert (await rows.first.locator("td").all_inner_texts())[1:4] == ["sendMessage", "43", "403"]
    await rows.last.get_by_role("button", name="42").click()
    await expect(page.get_by_role("heading", name="Anna")).to_be_visible()


async def test_a_reset_empties_the_page(phone: Phone) -> None:
    """After a reset the page shows nobody, and then whoever comes."""
    await phone.person(42, name="Anna")
    await phone.send(42, "one")
    await phone.open(42)
    await expect(phone.message(1)).to_be_visible()
    phone.simulator.world.reset()
    await expect(phone.page.get_by_text("Nobody is here yet")).to_be_visible()
    await expect(phone.message(1)).to_have_count(0)
    await expect(phone.sum("delivered")).to_have_text("0")
    await phone.person(42, name="Clara")
    await phone.send(42, "again")
    await expect(phone.message(1)).to_contain_text("again")


async def test_hundreds_of_chats_stay_usable(phone: Phone) -> None:
    """Among 500 chats the latest word is on top, the search finds a name, and the arrow keys walk the list."""
    page = phone.page
    for number in range(1, 501):
        phone.simulator.world.chat_or_new(number).name = f"Person {number}"
    await expect(page.locator("#chats li")).to_have_count(500)
    await phone.send(321, "hello")
    await expect(page.locator("#chats li").first).to_contain_text("Person 321")
    await page.get_by_role("searchbox").fill("person 49")
    await expect(page.locator("#chats li")).to_have_count(11)
    await page.get_by_role("searchbox").press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Person 490")).to_be_visible()
    await expect(phone.row(490).get_by_role("button")).to_be_focused()


async def test_a_long_conversation_shows_its_end_first(phone: Phone) -> None:
    """Of many messages the last hundred are shown, at their end; the earlier ones come when asked for."""
    await phone.person(42)
    for number in range(1, 151):
        await phone.send(42, f"message {number}")
    await phone.open(42)
    await expect(phone.page.locator(".message")).to_have_count(100)
    await expect(phone.message(150)).to_be_in_viewport()
    await phone.page.get_by_role("button", name="Earlier messages").click()
    await expect(phone.page.locator(".message")).to_have_count(150)
    await expect(phone.message(150)).not_to_be_in_viewport()
    await expect(phone.page.get_by_role("button", name="Earlier messages")).to_be_hidden()


async def test_an_id_of_64_bits_is_kept(phone: Phone) -> None:
    """A chat whose id is larger than a browser's numbers is opened and spoken to as itself."""
    large = 2**62 + 1
    await phone.person(large, name="Far")
    await phone.open(large)
    await phone.page.get_by_role("textbox", name="Write as this person").fill("x")
    await phone.page.keyboard.press("Enter")
    assert (await phone.update())["message"]["chat"]["id"] == large


async def test_the_page_survives_a_simulator_that_is_away(phone: Phone) -> None:
    """While nobody answers the page says so, and it goes on by itself."""
    away = phone.page.get_by_text("The simulator does not answer")
    await phone.context.set_offline(True)
    await expect(away).to_be_visible()
    await phone.context.set_offline(False)
    await expect(away).to_be_hidden()
    phone.faults.clear()
    await phone.person(42, name="Anna")
    await expect(phone.row(42)).to_be_visible()
