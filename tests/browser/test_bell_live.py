"""The bell keeps up: live, over restarts and without a network, nothing missed and nothing twice."""

import pytest
from playwright.async_api import Route, expect

from tests.browser.bell_stage import Bell, BellStage
from tests.integration.stage import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAM = "GET /api/notifications/stream"
PAGE = "GET /api/notifications?limit=20"
MANY = 60
"""More than a stream tells at once."""
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def count_streams(bells: BellStage) -> float:
    """Count the streams that the API has open."""
    assert bells.parts is not None
    (family,) = bells.parts.world.metrics.inbox_streams.collect()
    return family.samples[0].value


async def connected(bells: BellStage, count: int = 1) -> None:
    """Wait until the API has so many streams open."""
    await until(lambda: count_streams(bells) == count)


async def has_page(bell: Bell, times: int) -> None:
    """Wait until a bell has got the newest page so often: time let pass before is time that its answer takes."""
    await until(lambda: bell.answered.count(PAGE) >= times)


def calls(bell: Bell) -> list[str]:
    """Tell what a bell has asked of the API."""
    return [asked for asked in bell.asked if " /api/" in asked]


async def test_the_badge_counts_up_live(bells: BellStage) -> None:
    """A notification that comes while the page is open shows on the badge and in the list at once."""
    await bells.emit("one")
    bell = await bells.open()
    await bell.shows("1")
    await bell.button.click()
    await bell.lists("one")
    await bells.emit("two", "three")
    await bell.shows("3")
    await bell.lists("three", "two", "one")
    told = [detail["unread"] for detail in await bell.heard("vestnik-unread")]
    assert told in ([1, 3], [1, 2, 3])
    assert calls(bell) == [PAGE, STREAM]
    assert bell.faults == []


async def test_a_restarted_api_costs_nothing(bells: BellStage) -> None:
    """What comes while the API is away is there once when it is back, and what comes later is live again."""
    await bells.emit("one")
    bell = await bells.open()
    await bell.button.click()
    await bell.lists("one")
    await connected(bells)
    await bells.stop()
    await bells.emit("two", "three")
    await bells.start()
    await bell.lists("three", "two", "one")
    await connected(bells)
    await bells.emit("four")
    await bell.lists("four", "three", "two", "one")
    await bell.shows("4")
    # what it lacked came by the stream, not by loading anew
    assert calls(bell).count(PAGE) == 1


async def test_a_network_that_comes_back_is_used_at_once(bells: BellStage) -> None:
    """While there is no network the list says so and stays; with it comes, once, what was missed."""
    await bells.emit("one")
    bell = await bells.open()
    await bell.button.click()
    await bell.lists("one")
    await connected(bells)
    await bell.page.context.set_offline(True)
    await bells.stop()
    await bells.emit("two")
    await bells.start()
    await expect(bell.panel).to_contain_text("No connection.")
    await bell.lists("one")
    await bell.page.context.set_offline(False)
    await bell.lists("two", "one")
    await bell.shows("2")
    await expect(bell.panel).not_to_contain_text("No connection.")


async def test_who_missed_too_much_begins_anew(bells: BellStage) -> None:
    """Where more was missed than a stream tells, the newest page is loaded, and the rest comes page by page."""
    await bells.emit("first")
    bell = await bells.open()
    await bell.button.click()
    await bell.lists("first")
    await connected(bells)
    await bells.stop()
    titles = [f"n{number}" for number in range(MANY)]
    await bells.emit(*titles)
    await bells.start()
    await bell.shows(str(MANY + 1))
    wanted = [*reversed(titles), "first"]
    await bell.lists(*wanted[:20])
    for shown in (40, 60, 61):
        await bell.page.get_by_role("button", name="Show more").click()
        await bell.lists(*wanted[:shown])
    await expect(bell.page.get_by_role("button", name="Show more")).to_be_hidden()


async def test_two_tabs_agree(bells: BellStage) -> None:
    """What is read in one tab is read in the other, and both count the same."""
    await bells.emit("one", "two", "three")
    context = await bells.profile()
    here, there = await bells.open(context=context), await bells.open(context=context)
    await connected(bells, 2)
    for bell in (here, there):
        await bell.shows("3")
        await bell.button.click()
    await here.item("two").click()
    await there.shows("2")
    await expect(there.item("two")).to_have_attribute("part", "item")
    await expect(there.item("one")).to_have_attribute("part", "item unread")
    await there.page.get_by_role("button", name="Mark all as read").click()
    await here.shows("")
    await bells.emit("four")
    for bell in (here, there):
        await bell.shows("1")
        await bell.lists("four", "three", "two", "one")


@pytest.mark.parametrize("how", ["refused", "held back"])
async def test_without_a_stream_it_asks_now_and_then(bells: BellStage, how: str) -> None:
    """Where no stream comes through, it asks every 15 seconds, and after two minutes tries the stream again."""
    context = await bells.profile()

    async def keep(route: Route) -> None:
        if how == "refused":
            await route.fulfill(status=404)

    await context.route("**/stream", keep)
    await context.clock.install()
    await bells.emit("one")
    bell = await bells.open(context=context)
    await bell.shows("1")
    await until(lambda: STREAM in calls(bell))
    await bell.page.clock.fast_forward("00:11")
    await has_page(bell, 2)
    assert calls(bell).count(PAGE) == 2
    await bells.emit("two")
    await bell.page.clock.fast_forward("00:16")
    await bell.shows("2")
    await context.unroute("**/stream")
    await bell.page.clock.fast_forward("02:01")
    await connected(bells)
    await bells.emit("three")
    await bell.shows("3")
    assert calls(bell).count(STREAM) == 2


async def test_a_silent_connection_is_dead(bells: BellStage) -> None:
    """A stream without a heartbeat for 40 seconds is given up, and a new one takes its place."""
    context = await bells.profile()
    await context.clock.install()
    bell = await bells.open(context=context)
    await connected(bells)
    await bells.emit("one")
    await bell.shows("1")
    await bell.page.clock.fast_forward("00:41")
    await until(lambda: calls(bell).count(STREAM) == 2)
    await bells.emit("two")
    await bell.shows("2")
    assert calls(bell).count(PAGE) == 1


async def test_a_hidden_tab_lets_go_of_its_stream(bells: BellStage) -> None:
    """After a minute out of sight a tab asks once a minute, and is up to date as soon as it is seen."""
    context = await bells.profile()
    await context.clock.install()
    bell = await bells.open(context=context)
    await connected(bells)
    await bells.emit("one")
    await bell.shows("1")
    await bell.page.evaluate(HIDE, True)
    await bell.page.clock.fast_forward("01:01")
    await has_page(bell, 2)
    await connected(bells, 0)
    assert calls(bell).count(PAGE) == 2
    await bells.emit("two")
    await bell.page.clock.fast_forward("01:01")
    await bell.shows("2")
    assert calls(bell).count(STREAM) == 1
    await bells.emit("three")
    await bell.page.evaluate(HIDE, False)
    await bell.shows("3")
    await connected(bells)


async def test_a_bell_that_is_taken_away_ends_its_stream(bells: BellStage) -> None:
    """Taken out of the document, the bell leaves no connection behind; put back, it goes on."""
    bell = await bells.open()
    await connected(bells)
    await bell.tell("bell => { window.kept = bell; bell.remove(); }")
    await connected(bells, 0)
    await bells.emit("one")
    await bell.page.evaluate("document.body.append(window.kept)")
    await bell.shows("1")
    await connected(bells)


async def test_an_answer_that_is_overtaken_counts_nothing(bells: BellStage) -> None:
    """An answer of an older version than what is known moves the counter neither way."""
    await bells.emit("one", "two")
    context = await bells.profile()
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    bell = await bells.open(context=context)
    await bell.button.click()
    await connected(bells)
    await context.route("**/read", hold)
    await bell.item("one").click()
    await until(lambda: len(held) == 1)
    answer = await held[0].fetch()
    await bell.shows("1")
    await bells.emit("three", "four")
    await bell.shows("3")
    async with bell.page.expect_response("**/read"):
        await held[0].fulfill(response=answer)
    await bells.emit("five")
    await bell.lists("five", "four", "three", "two", "one")
    assert (await bell.heard("vestnik-unread"))[-1] == {"unread": 4}
    assert {"unread": 1} not in (await bell.heard("vestnik-unread"))[2:]
