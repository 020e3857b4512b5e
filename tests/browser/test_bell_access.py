"""For everybody: keys alone, in words, in both directions, light and dark."""

import pytest
from playwright.async_api import FloatRect, Locator, expect

from tests.browser.bell_stage import Bell, BellStage

pytestmark = pytest.mark.asyncio(loop_scope="module")

LABELS = {
    "en": {
        0: "Notifications, none unread",
        1: "Notifications, 1 unread",
        2: "Notifications, 2 unread",
        1234: "Notifications, 1,234 unread",
    },
    "ru": {
        0: "Уведомления, непрочитанных нет",
        1: "Уведомления, 1 непрочитанное",
        2: "Уведомления, 2 непрочитанных",
        5: "Уведомления, 5 непрочитанных",
        21: "Уведомления, 21 непрочитанное",
        1234: "Уведомления, 1 234 непрочитанных",
    },
    # a language without texts of its own
    "de": {1: "Notifications, 1 unread"},
}
COUNT = "update outbox.inbox set unread = $1, version = version + 1 where recipient = 'alice'"
FOCUSED = "bell => bell.shadowRoot.activeElement?.querySelector('[part=title]')?.textContent ?? null"


async def label(bell: Bell) -> str:
    """Give the bell's name, as it is read out."""
    return (await bell.button.get_attribute("aria-label") or "").replace("\xa0", " ")


async def test_the_count_is_told_in_words(bells: BellStage) -> None:
    """The bell's name says the whole number in words with the language's plural; the badge stops at 99+."""
    await bells.emit("one")
    bell = await bells.open()
    await bell.shows("1")
    for language, labels in LABELS.items():
        await bell.page.locator("vestnik-bell").evaluate("(bell, tag) => bell.setAttribute('lang', tag)", language)
        for count, words in labels.items():
            await bells.conn.execute(COUNT, count)
            bells.signal("alice")
            await bell.shows("99+" if count > 99 else str(count or ""))
            assert await label(bell) == words


async def test_the_language_is_the_documents(bells: BellStage) -> None:
    """Without an attribute the bell speaks the document's language, and a change of its own is followed."""
    await bells.emit("one")
    bell = await bells.open(html={"lang": "ru-RU"})
    await bell.button.click()
    await expect(bell.panel.get_by_role("heading")).to_have_text("Уведомления")
    await expect(bell.panel.locator("time")).to_have_text("сейчас")
    await bell.tell("bell => bell.setAttribute('lang', 'en')")
    await expect(bell.panel.get_by_role("heading")).to_have_text("Notifications")
    await expect(bell.panel.locator("time")).to_have_text("now")
    await bell.lists("one")


async def test_texts_of_another_language_can_be_added(bells: BellStage) -> None:
    """An application adds the words of a language, and those that it leaves out stay English."""
    bell = await bells.open(lang="de")
    await bell.tell(
        "bell => { bell.constructor.texts.de = { bell: 'Mitteilungen' }; bell.setAttribute('lang', 'de-AT'); }"
    )
    await bell.button.click()
    await expect(bell.panel.get_by_role("heading")).to_have_text("Mitteilungen")
    await expect(bell.panel).to_contain_text("No notifications yet")


async def test_time_is_told_as_people_do(bells: BellStage) -> None:
    """Each notification says how long ago it came, and the exact time when pointed at."""
    await bells.emit("a", "b", "c", "d")
    ages = {"a": "400 days", "b": "1 day 1 hour", "c": "3 hours", "d": "61 seconds"}
    for number, age in enumerate(ages.values()):
        await bells.conn.execute(
            "update outbox.notification set created_at = now() - $1::text::interval where id = "
            "(select id from outbox.notification order by id offset $2 limit 1)",
            age,
            number,
        )
    bell = await bells.open()
    await bell.button.click()
    await expect(bell.panel.locator("time")).to_have_text(["1 minute ago", "3 hours ago", "yesterday", "last year"])
    assert "at" in (await bell.panel.locator("time").first.get_attribute("title") or "")


async def test_keys_alone_are_enough(bells: BellStage) -> None:
    """Tab, Enter, arrows, Home, End, Space and Escape reach everything, and the focus comes back to the bell."""
    await bells.emit("one", "two", "three")
    bell = await bells.open()
    await bell.shows("3")
    press = bell.page.keyboard.press
    await press("Tab")
    await press("Enter")
    await expect(bell.button).to_have_attribute("aria-expanded", "true")
    await expect(bell.panel).to_be_focused()
    walk = [("ArrowDown", "three"), ("ArrowDown", "two"), ("End", "one"), ("ArrowDown", "one"), ("ArrowUp", "two")]
    for key, title in [*walk, ("Home", "three"), ("ArrowUp", "three")]:
        await press(key)
        assert await bell.tell(FOCUSED) == title, key
    await press("Space")
    await bell.shows("2")
    assert await bell.tell(FOCUSED) == "three"
    await bells.emit("four")
    await bell.lists("four", "three", "two", "one")
    assert await bell.tell(FOCUSED) == "three"
    await press("Escape")
    await expect(bell.panel).to_be_hidden()
    await expect(bell.button).to_be_focused()
    await expect(bell.button).to_have_attribute("aria-expanded", "false")
    await press("ArrowDown")
    assert await bell.tell(FOCUSED) == "four"
    await press("Enter")
    await bell.shows("2")
    # one stop for the whole list: the next one is the page's
    await press("Tab")
    await expect(bell.page.get_by_role("link", name="Terms")).to_be_focused()
    await expect(bell.panel).to_be_hidden()


async def test_a_click_elsewhere_closes_it(bells: BellStage) -> None:
    """Whoever clicks on the page closes the list, and the click is the page's."""
    await bells.emit("one", url="/jobs/1")
    bell = await bells.open()
    await bell.button.click()
    await expect(bell.panel).to_be_visible()
    await bell.page.get_by_text("Shop").click()
    await expect(bell.panel).to_be_hidden()
    await bell.button.click()
    await bell.button.click()
    await expect(bell.panel).to_be_hidden()


async def test_a_new_notification_is_announced(bells: BellStage) -> None:
    """Who listens to the page is told of what comes, politely, and not of what was there before."""
    await bells.emit("before")
    bell = await bells.open(lang="ru")
    live = bell.page.locator("vestnik-bell [aria-live=polite]")
    await bell.shows("1")
    await expect(live).to_have_text("")
    await bells.emit("$& one")
    await expect(live).to_have_text("Новое уведомление: $& one")
    await bells.stop()
    await bells.emit(*(f"n{number}" for number in range(3)))
    await bells.start()
    await expect(live).to_have_text("3 новых уведомления")


async def test_the_list_is_read_out_as_one(bells: BellStage) -> None:
    """A screen reader finds a named dialog with a heading, a list, and what is unread in words."""
    await bells.emit("one", text="its words")
    bell = await bells.open()
    await bell.button.click()
    await bell.lists("one")
    await expect(bell.panel).to_match_aria_snapshot("""
      - dialog "Notifications":
        - heading "Notifications" [level=2]
        - button "Mark all as read"
        - list "Notifications":
          - listitem:
            - button "one now its words unread"
    """)


async def box(part: Locator) -> FloatRect:
    """Give where a part of the bell stands."""
    found = await part.bounding_box()
    assert found is not None
    return found


async def test_right_to_left_is_mirrored(bells: BellStage) -> None:
    """On a page from right to left the list hangs below the bell at the left, and each text keeps its own direction."""
    await bells.emit("latin")
    await bells.emit("שלום, התשלום בדרך")
    bell = await bells.open(html={"dir": "rtl", "lang": "he"})
    await bell.button.click()
    await bell.lists("שלום, התשלום בדרך", "latin")
    titles = bell.page.locator("vestnik-bell [part=title]")
    directions = await titles.evaluate_all("nodes => nodes.map(node => getComputedStyle(node).direction)")
    assert directions == ["rtl", "ltr"]
    at, panel, badge = [await box(part) for part in (bell.button, bell.panel, bell.badge)]
    assert panel["x"] == at["x"]
    assert badge["x"] < at["x"] + at["width"] / 2
    await bell.page.set_viewport_size({"width": 320, "height": 480})
    panel = await box(bell.panel)
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= 320


async def test_light_and_dark_follow_the_system_or_the_page(bells: BellStage) -> None:
    """Colours follow the system; the attribute `theme` and CSS variables come first."""
    await bells.emit("one")
    bell = await bells.open()
    await bell.button.click()
    for scheme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(27, 35, 44)")):
        await bell.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await expect(bell.panel).to_have_css("background-color", ground)
    await bell.tell("bell => bell.setAttribute('theme', 'light')")
    await expect(bell.panel).to_have_css("background-color", "rgb(255, 255, 255)")
    await bell.tell("bell => bell.style.setProperty('--vestnik-ground', 'rgb(1, 2, 3)')")
    await expect(bell.panel).to_have_css("background-color", "rgb(1, 2, 3)")


async def test_nothing_moves_where_that_is_wanted(bells: BellStage) -> None:
    """Who wants less motion gets none."""
    bell = await bells.open()
    await bell.page.emulate_media(reduced_motion="no-preference")
    await bell.button.click()
    await expect(bell.panel).to_have_css("animation-name", "open")
    await bell.page.emulate_media(reduced_motion="reduce")
    await expect(bell.panel).to_have_css("animation-name", "none")
