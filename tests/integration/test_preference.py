"""Preferences: what people choose is kept, goes before what the application says, and holds for what waits."""

from datetime import time, timedelta

import pytest

from inapp import page
from outbox.catalog.load import load
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Reason, Snooze
from outbox.event_log import event
from outbox.event_log.event import emit
from outbox.person import preference, recipient
from outbox.person.preference import Preferences, Quiet
from outbox.person.recipient import Profile
from outbox.relay.fan_out import step
from outbox.relay.routing import routes_of
from tests.integration.runs import standing, states
from tests.integration.stage import MARKETPLACE, TYPE, payload
from tests.integration.test_fan_out import link, relay_all
from tests.integration.test_lane import claim, claim_one, end, queue

NOTHING = Preferences(None, None, None, None, Quiet.OFF, time(22), time(8), frozenset())
NIGHT = timedelta(hours=9)


async def test_who_is_unknown_has_chosen_nothing(conn: Connection) -> None:
    """Somebody of whom nothing is known has no quiet hours and nothing switched off."""
    assert await preference.read(conn, "anna") == NOTHING


async def test_what_is_chosen_stands_beside_what_the_application_says(conn: Connection) -> None:
    """Each choice is kept by itself; an import of the application's words leaves them, and None takes one back."""
    await preference.set_language(conn, "anna", "ru")
    await preference.set_zone(conn, "anna", "Asia/Tbilisi")
    await preference.set_quiet(conn, "anna", Quiet.HOLD, time(23, 30))
    await recipient.save(conn, [Profile("anna", "Anna", "en", "Europe/Vienna")])
    chosen = Preferences("ru", "en", "Asia/Tbilisi", "Europe/Vienna", Quiet.HOLD, time(23, 30), time(8), frozenset())
    assert await preference.read(conn, "anna") == chosen
    await preference.set_language(conn, "anna", None)
    await preference.set_zone(conn, "anna", None)
    await preference.set_quiet(conn, "anna", Quiet.OFF, quiet_until=time(7))
    back = Preferences(None, "en", None, "Europe/Vienna", Quiet.OFF, time(23, 30), time(7), frozenset())
    assert await preference.read(conn, "anna") == back


async def test_categories_are_switched_by_channel(conn: Connection) -> None:
    """A category is off for one channel only, off twice is off, and on again is on."""
    for _ in range(2):
        await preference.switch(conn, "anna", "orders", Channel.TELEGRAM, enabled=False)
    await preference.switch(conn, "anna", "news", Channel.INAPP, enabled=False)
    assert (await preference.read(conn, "anna")).muted == {"telegram/orders", "inapp/news"}
    await preference.switch(conn, "anna", "orders", Channel.TELEGRAM, enabled=True)
    assert (await preference.read(conn, "anna")).muted == {"inapp/news"}
    assert await preference.read(conn, "boris") == NOTHING


async def test_the_inbox_speaks_the_chosen_language(conn: Connection) -> None:
    """Notifications are in the language that the person has chosen, else in the application's."""
    catalog = load(MARKETPLACE / "catalog")
    await recipient.save(conn, [Profile("anna", locale="en")])
    await event.emit(conn, TYPE, ["anna"], payload(1))
    await step(conn, routes_of(catalog))
    (english,) = (await page(conn, catalog, "anna")).notifications
    await preference.set_language(conn, "anna", "ru")
    (russian,) = (await page(conn, catalog, "anna")).notifications
    assert (english.title, russian.title) == ("Payout sent: 10.00\xa0RUB", "Выплата отправлена: 10,00\xa0₽")


async def wait(conn: Connection, *types: str) -> None:
    """Let events of these types wait for Anna."""
    await link(conn, ["anna"])
    for type_ in types:
        await emit(conn, type_, ["anna"])
    await relay_all(conn)


async def test_what_waits_in_a_category_that_is_switched_off(conn: Connection) -> None:
    """What waits of the category's types on Telegram is skipped as muted, and what comes next is the lane's head."""
    await wait(conn, "login.code", "order.paid", "login.code")
    await preference.switch(conn, "anna", "login", Channel.TELEGRAM, enabled=False, types=["login.code", "login.new"])
    assert await states(conn) == [("skipped", "muted"), ("pending", None), ("skipped", "muted")]
    assert (await claim_one(conn)).type == "order.paid"


async def test_a_lane_that_is_emptied_goes_idle(conn: Connection) -> None:
    """Where nothing else waits nobody claims the lane any more."""
    await wait(conn, "login.code")
    await preference.switch(conn, "anna", "login", Channel.TELEGRAM, enabled=False, types=["login.code"])
    assert (await standing(conn), await claim(conn)) == ("idle", [])


@pytest.mark.parametrize(
    ("channel", "enabled"), [(Channel.TELEGRAM, True), (Channel.INAPP, True), (Channel.INAPP, False)]
)
async def test_nothing_else_is_skipped(conn: Connection, channel: Channel, *, enabled: bool) -> None:
    """Switching a category on, or off for the inbox, leaves what waits on Telegram."""
    await wait(conn, "login.code")
    await preference.switch(conn, "anna", "login", channel, enabled=enabled, types=["login.code"])
    assert await states(conn) == [("pending", None)]


async def hold(conn: Connection, reason: Reason) -> None:
    """Let the first of Anna's two messages wait until the morning."""
    await queue(conn, ["anna"], each=2)
    await end(conn, await claim_one(conn), Snooze(NIGHT, reason))
    assert (await standing(conn), await claim(conn)) == ("waiting", [])


CHOICES = {
    "none any more": (Quiet.OFF, None, None),
    "silent instead": (Quiet.SILENT, None, None),
    "other hours": (Quiet.HOLD, time(1), time(2)),
}


@pytest.mark.parametrize(("quiet", "start", "until"), CHOICES.values(), ids=CHOICES)
async def test_what_is_held_tries_again(conn: Connection, quiet: Quiet, start: time | None, until: time | None) -> None:
    """What waits for the end of the quiet hours is due at once when these change, in its order."""
    await hold(conn, Reason.QUIET_HOURS)
    await preference.set_quiet(conn, "anna", quiet, start, until)
    head = await conn.fetchval("select min(id) from outbox.delivery")
    assert (await claim_one(conn)).delivery_id == head


async def test_what_is_held_tries_again_in_another_zone(conn: Connection) -> None:
    """Another time zone is other hours."""
    await hold(conn, Reason.QUIET_HOURS)
    await preference.set_zone(conn, "anna", "Asia/Tbilisi")
    assert await standing(conn) == "due"


async def test_what_waits_for_something_else_waits_on(conn: Connection) -> None:
    """A change of the quiet hours hastens nothing that Telegram has asked to wait for, and nobody else's."""
    await hold(conn, Reason.FLOOD)
    await preference.set_quiet(conn, "anna", Quiet.OFF)
    assert await standing(conn) == "waiting"


async def test_others_are_left_alone(conn: Connection) -> None:
    """A change of one person's quiet hours hastens nothing of another's."""
    await hold(conn, Reason.QUIET_HOURS)
    await preference.set_quiet(conn, "boris", Quiet.OFF)
    assert await standing(conn) == "waiting"
