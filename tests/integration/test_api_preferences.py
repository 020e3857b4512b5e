"""Preferences over HTTP: what a person sees, changes, and cannot change."""

import asyncio
from typing import Any

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.event_log.event import emit
from outbox.person import preference, recipient
from outbox.person.preference import Quiet
from outbox.person.recipient import Profile
from outbox.relay.fan_out import step
from outbox.relay.routing import routes_of
from tests.integration.api_stage import ApiStage
from tests.integration.runs import states
from tests.integration.stage import TYPE, payload
from tests.integration.test_fan_out import link

PATH = "/api/preferences"
BOTH = {"telegram": True, "inapp": True}
UNTOUCHED = {
    "language": None,
    "languages": ["en", "ru"],
    "timeZone": None,
    "quietHours": {"mode": "off", "from": "22:00", "until": "08:00"},
    "categories": [
        {"category": "jobs", "name": "Задания", "channels": BOTH},
        {"category": "money", "name": "Деньги", "channels": BOTH},
        {"category": "disputes", "name": "Споры", "channels": BOTH},
        {"category": "messages", "name": "Сообщения", "channels": {"inapp": True}},
        {"category": "reviews", "name": "Отзывы", "channels": {"inapp": True}},
        {"category": "vestnik", "name": "Доставка сообщений", "channels": {"inapp": True}},
    ],
}


async def put(api: ApiStage, as_: str = "anna", **change: object) -> Any:
    """Change preferences; give the whole that is answered."""
    reply = await api.put(PATH, as_, json=change)
    assert reply.status == 200, reply
    shown = (await api.get(PATH, as_)).data
    assert shown == reply.data
    return shown


async def test_who_has_chosen_nothing(api: ApiStage) -> None:
    """Somebody unknown sees every category of the catalog with the channels it uses, all on, and no quiet hours."""
    assert (await api.get(PATH, "anna")).data == UNTOUCHED


async def test_categories_are_named_in_the_persons_language(api: ApiStage, conn: Connection) -> None:
    """Names are in the chosen language, else in the application's, and what is chosen is told as the catalog has it."""
    await recipient.save(conn, [Profile("anna", locale="en-GB", timezone="Europe/Vienna")])
    shown = (await api.get(PATH, "anna")).data
    assert (shown["language"], shown["timeZone"], shown["categories"][0]["name"]) == (None, None, "Jobs")
    shown = await put(api, language="RU")
    assert (shown["language"], shown["categories"][0]["name"]) == ("ru", "Задания")
    shown = await put(api, language=None)
    assert (shown["language"], shown["categories"][0]["name"]) == (None, "Jobs")


async def test_only_what_is_named_changes(api: ApiStage) -> None:
    """Each part can be changed by itself, and what is absent stays; nothing named changes nothing."""
    await put(api, quietHours={"mode": "hold"})
    await put(api, quietHours={"from": "23:30"}, timeZone="Asia/Tbilisi")
    await put(api, quietHours={"until": "00:00"})
    await put(api, categories=[{"category": "money", "channels": {"telegram": False}}])
    await put(api, language="en")
    shown = await put(api)
    assert shown["quietHours"] == {"mode": "hold", "from": "23:30", "until": "00:00"}
    assert (shown["language"], shown["timeZone"]) == ("en", "Asia/Tbilisi")
    channels = {one["category"]: one["channels"] for one in shown["categories"]}
    assert (channels["money"], channels["jobs"]) == ({"telegram": False, "inapp": True}, BOTH)
    assert (await put(api, timeZone=None))["timeZone"] is None
    assert (await api.get(PATH, "boris")).data == UNTOUCHED


async def test_what_is_shown_can_be_sent_back(api: ApiStage, conn: Connection) -> None:
    """The whole answer of GET is a change that changes nothing, and with another switch changes that one."""
    await preference.switch(conn, "anna", "jobs", Channel.INAPP, enabled=False)
    await preference.set_quiet(conn, "anna", Quiet.SILENT)
    await preference.set_zone(conn, "anna", "Etc/GMT-3")
    shown = (await api.get(PATH, "anna")).data
    assert await put(api, **shown) == shown
    shown["categories"][0]["channels"] = {"telegram": False, "inapp": True}
    assert await put(api, **shown) == shown
    assert (await preference.read(conn, "anna")).muted == {"telegram/jobs"}


async def test_a_language_that_the_catalog_has_no_more(api: ApiStage, conn: Connection) -> None:
    """Who has chosen a language that is gone has chosen none."""
    await preference.set_language(conn, "anna", "tlh")
    assert (await api.get(PATH, "anna")).data == UNTOUCHED


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown category": (
        {"categories": [{"category": "jobs", "channels": {}}, {"category": "sport", "channels": {"inapp": False}}]},
        "categories[1].category: there are jobs, money, disputes, messages, reviews, vestnik",
    ),
    "a channel that the category does not use": (
        {"categories": [{"category": "reviews", "channels": {"telegram": True}}]},
        "categories[0].channels: reviews goes to inapp only",
    ),
    "an unknown channel": (
        {"categories": [{"category": "jobs", "channels": {"mail": True}}]},
        "categories[0].channels.mail.[key]: Input should be 'telegram' or 'inapp'",
    ),
    "a switch that is neither on nor off": (
        {"categories": [{"category": "jobs", "channels": {"inapp": 1}}]},
        "categories[0].channels.inapp: Input should be a valid boolean",
    ),
    "a language that the catalog has not": ({"language": "de"}, "language: there are en, ru"),
    "no time zone": ({"timeZone": "Mars/Olympus"}, "timeZone: it is no time zone of the IANA database"),
    "a folder of time zones": ({"timeZone": "Europe"}, "timeZone: it is no time zone of the IANA database"),
    "a path": ({"timeZone": "../UTC"}, "timeZone: it is no time zone of the IANA database"),
    "an hour that no clock shows": (
        {"quietHours": {"from": "24:00"}},
        "quietHours.from: String should match pattern '^([01][0-9]|2[0-3]):[0-5][0-9]$'",
    ),
    "an unknown mode": (
        {"quietHours": {"mode": "loud"}},
        "quietHours.mode: Input should be 'off', 'silent' or 'hold'",
    ),
    "no hours at all": (
        {"quietHours": None},
        "quietHours: Input should be a valid dictionary or object to extract fields from",
    ),
    "a misspelt field": ({"timezone": "UTC"}, "timezone: Extra inputs are not permitted"),
}


async def test_what_cannot_be(api: ApiStage) -> None:
    """What the catalog or the clock does not have is refused by name, and nothing of the change is kept."""
    told = {}
    for name, (wrong, _) in WRONG.items():
        good = [{"category": "money", "channels": {"inapp": False}}]
        change = {"language": "en", **wrong, "categories": [*wrong.get("categories", ()), *good]}
        reply = await api.put(PATH, "anna", json=change)
        assert (name, reply.status, reply.code) == (name, 422, "VALIDATION_ERROR")
        told[name] = reply.message
    assert told == {name: message for name, (_, message) in WRONG.items()}
    assert (await api.get(PATH, "anna")).data == UNTOUCHED


async def test_what_waits_follows_at_once(api: ApiStage, conn: Connection) -> None:
    """Switching a category off on Telegram skips what waits of its types, and leaves the other categories."""
    await link(conn, ["anna"])
    for type_ in (TYPE, "application.accepted"):
        await emit(conn, type_, ["anna"], payload(1))
    await step(conn, routes_of(api.world.catalog))
    await put(api, categories=[{"category": "money", "channels": {"telegram": False}}])
    assert await states(conn) == [("skipped", "muted"), ("pending", None)]


AWAY = """
create function outbox.away() returns trigger language plpgsql as $$
begin raise exception 'terminating' using errcode = 'admin_shutdown'; end $$;
create trigger away before insert or update on outbox.recipient
for each row when (new.language = 'en') execute function outbox.away()
"""


async def test_all_is_changed_or_nothing(api: ApiStage, conn: Connection) -> None:
    """A change whose last part fails leaves no part behind."""
    await conn.execute(AWAY)
    change = {
        "language": "en",
        "timeZone": "UTC",
        "quietHours": {"mode": "hold"},
        "categories": [{"category": "money", "channels": {"inapp": False}}],
    }
    assert (await api.put(PATH, "anna", json=change)).status == 503
    assert (await api.get(PATH, "anna")).data == UNTOUCHED


async def test_many_changes_at_once(api: ApiStage, conn: Connection) -> None:
    """Changes of one person at the same time wait for each other and all end, whether or not something waits."""
    await link(conn, ["anna"])
    await emit(conn, TYPE, ["anna"], payload(1))
    await step(conn, routes_of(api.world.catalog))
    some = [{"category": name, "channels": {"inapp": False}} for name in ("jobs", "money", "disputes", "reviews")]
    changes: list[dict[str, Any]] = [
        {"categories": some, "language": "en"},
        {"categories": some[::-1], "quietHours": {"mode": "hold"}},
        {"quietHours": {"mode": "silent"}, "categories": [{"category": "money", "channels": {"telegram": False}}]},
        {"timeZone": "UTC", "language": "ru"},
    ]
    for who in ("anna", "boris"):
        replies = await asyncio.gather(*(api.put(PATH, who, json=change) for change in changes * 10))
        assert {reply.status for reply in replies} == {200}
        muted = (await preference.read(conn, who)).muted
        assert muted == {"inapp/jobs", "inapp/money", "inapp/disputes", "inapp/reviews", "telegram/money"}
