"""Reading: by click, on opening, all at once, page by page; and what is done when the API refuses."""

import time
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Route, expect

from inapp import session
from tests.browser.bell_stage import Bell, BellStage
from tests.browser.test_bell_live import connected
from tests.integration.stage import until_true

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b>"
UNREAD = "select unread from outbox.inbox where recipient = $1"


async def unread_becomes(bells: BellStage, count: int, recipient: str = "alice") -> None:
    """Wait until the inbox counts so many unread."""

    async def is_so() -> bool:
        return bool(await bells.conn.fetchval(UNREAD, recipient) == count)

    await until_true(is_so)


async def opened(bells: BellStage, **choices: Any) -> Bell:
    """Open a page and its bell."""
    bell = await bells.open(**choices)
    await bell.button.click()
    return bell


async def test_a_click_reads_and_leads_on(bells: BellStage) -> None:
    """A click on a notification with a path marks it as read and opens the page in the same tab."""
    await bells.emit("one")
    await bells.emit("two", url="/jobs/2")
    bell = await opened(bells)
    await bell.shows("2")
    await bell.item("two").click()
    await expect(bell.page).to_have_title("/jobs/2")
    await unread_becomes(bells, 1)


async def test_only_pages_are_links(bells: BellStage) -> None:
    """Of whatever an API might send, http, https and paths become links; those elsewhere open a tab without opener."""
    links = ["https://market.example/jobs/1", "/jobs/1", "javascript:alert(1)", "data:text/html,x", " JaVaScRiPt:1", ""]
    context = await bells.profile()

    async def change(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        for shown, link in zip(body["data"]["notifications"], links, strict=True):
            shown["link"] = link
        await route.fulfill(response=answer, json=body)

    await context.route("**/api/notifications?*", change)
    await bells.emit(*(f"n{number}" for number in range(len(links))))
    bell = await opened(bells, context=context)
    await bell.shows("6")
    names = ("href", "target", "rel")
    shown = [[await item.get_attribute(name) for name in names] for item in await bell.items.all()]
    assert shown == [
        ["https://market.example/jobs/1", "_blank", "noopener"],
        [f"{bells.origin}/jobs/1", None, None],
        *([[None, None, None]] * 4),
    ]
    for item in (await bell.items.all())[2:]:
        await item.click()
    await bell.shows("2")
    assert bell.faults == []


async def test_markup_stays_text(bells: BellStage) -> None:
    """Markup in a payload is shown as it was written; nothing runs, and the content policy has nothing to refuse."""
    await bells.emit(MARKUP, text=MARKUP, url="/jobs/1")
    bell = await opened(bells)
    await bell.lists(MARKUP)
    await expect(bell.page.locator("vestnik-bell [part=body]")).to_have_text(MARKUP)
    await bells.emit(f"{MARKUP}2")
    await bell.lists(f"{MARKUP}2", MARKUP)
    assert await bell.tell("bell => bell.shadowRoot.querySelectorAll('img, script, b').length") == 0
    assert bell.faults == []


async def test_an_application_may_lead_on_by_itself(bells: BellStage) -> None:
    """Where the application prevents `vestnik-open`, the notification is read and the page stays."""
    await bells.emit("one", url="/jobs/1")
    bell = await opened(bells)
    await bell.page.evaluate("document.addEventListener('vestnik-open', (event) => event.preventDefault())")
    address = bell.page.url
    await bell.item("one").click()
    await unread_becomes(bells, 0)
    await bell.shows("")
    assert bell.page.url == address
    (chosen,) = await bell.heard("vestnik-open")
    assert (chosen["type"], chosen["category"], chosen["link"]) == ("note", "notes", "/jobs/1")


async def test_all_is_read_with_one_click(bells: BellStage) -> None:
    """Mark all as read covers what has not been paged to, and nothing that comes after what is shown."""
    await bells.emit(*(f"n{number}" for number in range(25)))
    newest = await bells.conn.fetchval("select max(id) from outbox.notification")
    bell = await opened(bells)
    await bell.shows("25")
    async with bell.page.expect_request("**/read-all") as asked:
        await bell.page.get_by_role("button", name="Mark all as read").click()
    assert (await asked.value).post_data_json == {"upTo": newest}
    await bell.shows("")
    await unread_becomes(bells, 0)
    await expect(bell.page.locator("vestnik-bell [part~=unread]")).to_have_count(0)
    await expect(bell.page.get_by_role("button", name="Mark all as read")).to_be_hidden()


async def test_what_is_seen_is_read_where_that_is_wanted(bells: BellStage) -> None:
    """Opening reads nothing; with read-on="open" it reads what is there and comes, which looks new until closed."""
    await bells.emit("one", "two")
    bell = await opened(bells)
    await bell.lists("two", "one")
    await bell.page.keyboard.press("Escape")
    assert not [asked for asked in bell.asked if asked.startswith("POST")]
    await bell.tell("bell => bell.setAttribute('read-on', 'open')")
    await bell.shows("2")
    await bell.button.click()
    await unread_becomes(bells, 0)
    await bell.shows("")
    await bells.emit("three")
    await bell.lists("three", "two", "one")
    await unread_becomes(bells, 0)
    await expect(bell.page.locator("vestnik-bell [part~=unread]")).to_have_count(3)
    await bell.page.keyboard.press("Escape")
    await bell.button.click()
    await expect(bell.page.locator("vestnik-bell [part~=unread]")).to_have_count(0)
    await expect(bell.items).to_have_count(3)


async def test_an_empty_inbox_says_so(bells: BellStage) -> None:
    """Who has no notifications is told so, until the first one comes."""
    bell = await opened(bells)
    await expect(bell.panel.get_by_text("No notifications yet")).to_be_visible()
    await bells.emit("one")
    await bell.lists("one")
    await expect(bell.panel.get_by_text("No notifications yet")).to_be_hidden()


async def test_a_fault_is_told_and_can_be_tried_again(bells: BellStage) -> None:
    """Where the first page cannot be loaded, the list says so, and a button tries at once."""
    context = await bells.profile()
    # long enough that the bell does not come back by itself before it is told to
    refusal = {
        "Retry-After": "60",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After",
    }
    await context.route("**/api/notifications?*", lambda route: route.fulfill(status=503, headers=refusal))
    await bells.emit("one")
    bell = await opened(bells, context=context)
    await expect(bell.panel).to_contain_text("could not be loaded")
    await bell.shows("")
    await context.unroute("**/api/notifications?*")
    await bell.page.get_by_role("button", name="Try again").click()
    await bell.lists("one")
    await bell.shows("1")


async def test_an_expired_token_waits_for_a_new_one(bells: BellStage) -> None:
    """A refused token is told to the application, nothing more is asked with it, and a new one goes on."""
    await bells.emit("one")
    bell = await opened(bells, token=bells.token("alice", expires_at=1))
    await expect(bell.panel).to_contain_text("sign in again")
    assert await bell.heard("vestnik-unauthorized") == [{"code": "UNAUTHORIZED"}]
    assert len([asked for asked in bell.asked if "/api/" in asked]) == 1
    await bell.page.locator("vestnik-bell").evaluate("(bell, token) => { bell.token = token; }", bells.token("alice"))
    await bell.lists("one")
    await bells.emit("two")
    await bell.shows("2")
    await expect(bell.panel).not_to_contain_text("sign in again")


async def test_a_session_that_expires_meanwhile_is_told(bells: BellStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the token expires while the stream is open, the application is told, and the list stays."""
    await bells.emit("one")
    bell = await opened(bells, token=bells.token("alice", expires_at=int(time.time()) + 3600))
    await bell.lists("one")
    await connected(bells)
    # as when the hour is over
    monkeypatch.setattr(session, "LEEWAY", -timedelta(hours=2))
    assert bells.parts is not None
    for streams in bells.parts.world.hub._streams.values():
        for stream in streams:
            stream.end()
    await expect(bell.panel).to_contain_text("sign in again")
    assert await bell.heard("vestnik-unauthorized") == [{"code": "UNAUTHORIZED"}]
    await bell.lists("one")


async def test_a_forgotten_person_begins_anew(bells: BellStage) -> None:
    """After the person was forgotten nothing of theirs is shown, and a new session counts from nothing."""
    await bells.emit("one", "two")
    bell = await opened(bells)
    await bell.shows("2")
    await bells.conn.execute("select outbox.forget('alice')")
    await until_true(lambda: told(bell))
    assert await bell.heard("vestnik-unauthorized") == [{"code": "STALE_SESSION"}]
    await bell.lists()
    await bell.shows("")
    await bells.emit("three")
    token = bells.token("alice", issued_at=int(time.time()) + 2)
    await bell.page.locator("vestnik-bell").evaluate("(bell, token) => { bell.token = token; }", token)
    await bell.lists("three")
    await bell.shows("1")


async def told(bell: Bell) -> bool:
    """Tell whether the bell has complained of its token."""
    return bool(await bell.heard("vestnik-unauthorized"))


async def test_another_person_sees_nothing_of_the_one_before(bells: BellStage) -> None:
    """A token of somebody else empties the list at once, before any answer."""
    await bells.emit("of alice")
    await bells.emit("of bob", to="bob")
    bell = await opened(bells)
    await bell.lists("of alice")
    left = """(bell, token) => {
        bell.setAttribute("token", token);
        return bell.shadowRoot.querySelectorAll("[part~=item]").length;
    }"""
    assert await bell.page.locator("vestnik-bell").evaluate(left, bells.token("bob")) == 0
    await bell.lists("of bob")
    assert bell.faults == []
