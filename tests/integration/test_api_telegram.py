"""The person's Telegram chat over HTTP: an address that links it, whether it is linked, and its end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from outbox import binding
from outbox.database.connection import Connection
from outbox.link import chat_link
from outbox.link.chat_link import How
from outbox.link.chat_state import LinkState
from tests.integration.api_stage import ApiStage, api_settings, api_stage
from tests.integration.runs import states
from tests.integration.stage import Stage
from tests.integration.test_lane import queue
from workers.serving import bot_name

BINDING, LINK = "/api/telegram/binding", "/api/telegram/link"
CHAT = 778_899_001_122
NOT_LINKED = {"linked": False, "state": None, "linkedAt": None, "since": None}


@pytest.fixture
async def reached(stage: Stage) -> AsyncIterator[ApiStage]:
    """Serve the API with a bot that the simulator knows."""
    async with api_stage(stage.environment) as made:
        yield made


def token_in(url: str) -> str:
    """Read the token that an address brings."""
    base, _, token = url.partition("?start=")
    assert base == "https://t.me/vestnik_1000000001_bot"
    return token


async def getting_names(stage: Stage) -> int:
    """Count how often Telegram was asked for the bot's name."""
    return [call["method"] for call in await stage.order("GET", "calls")].count("getMe")


async def test_an_address_links_a_chat(reached: ApiStage, conn: Connection) -> None:
    """The address opens the bot with a token that links a chat to whoever asked, until the time that is told."""
    made = (await reached.post(BINDING, "anna")).data
    assert set(made) == {"url", "expiresAt"}
    expires = await conn.fetchval("select expires_at from outbox.binding_request")
    assert (made["expiresAt"][-1], datetime.fromisoformat(made["expiresAt"])) == ("Z", expires)
    assert await binding.consume(conn, token_in(made["url"])) == "anna"


async def test_a_newer_address_takes_the_place_of_the_older(reached: ApiStage, conn: Connection) -> None:
    """Of two addresses of one person the older is worth nothing; another person's stays."""
    older, boris, newer = [
        token_in((await reached.post(BINDING, who)).data["url"]) for who in ("anna", "boris", "anna")
    ]
    assert [await binding.consume(conn, token) for token in (older, boris, newer)] == [None, "boris", "anna"]


async def test_the_name_is_asked_for_once(reached: ApiStage, stage: Stage) -> None:
    """Many who ask at once share one question to Telegram, and whoever asks later needs none."""
    replies = await asyncio.gather(*(reached.post(BINDING, f"u{number}") for number in range(10)))
    assert {reply.status for reply in replies} == {200}
    await reached.post(BINDING, "anna")
    assert await getting_names(stage) == 1


async def test_who_goes_away_leaves_the_question(stage: Stage) -> None:
    """A caller that gives up does not take the answer from the others."""
    settings = {name.lower(): value for name, value in stage.environment.items()}
    ask = bot_name.BotName(settings["telegram_bot_token"], settings["telegram_api_base"]).get
    first, second = asyncio.create_task(ask()), asyncio.create_task(ask())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second, await getting_names(stage)) == ("vestnik_1000000001_bot", 1)


async def test_telegram_away(api: ApiStage, conn: Connection) -> None:
    """While Telegram does not say the bot's name nothing is made, and an address that was given before holds."""
    given = await binding.request(conn, "anna")
    reply = await api.post(BINDING, "anna")
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "UNAVAILABLE", "5")
    assert reply.message == "Telegram does not say the bot's name at present"
    assert await binding.consume(conn, given) == "anna"


async def test_telegram_back(reached: ApiStage, stage: Stage) -> None:
    """The name is asked for anew after a question that failed."""
    await stage.order("POST", "faults", {"kind": "html_502", "method": "getMe", "times": 1})
    assert [(await reached.post(BINDING, "anna")).status for _ in range(2)] == [503, 200]


async def test_no_bot(database_url: str, redis_url: str, conn: Connection) -> None:
    """Where no bot is set up there is nothing to link with; whether a chat is linked can be seen all the same."""
    environment = {**api_settings(database_url, redis_url), "TELEGRAM_BOT_TOKEN": ""}
    async with api_stage(environment) as api:
        reply = await api.post(BINDING, "anna")
        assert (await api.get(LINK, "anna")).data == NOT_LINKED
    assert (reply.status, reply.code) == (404, "NOT_FOUND")
    assert reply.message == "no bot is set up here (TELEGRAM_BOT_TOKEN), so no chat can be linked"
    assert await conn.fetchval("select count(*) from outbox.binding_request") == 0


async def shown(api: ApiStage, who: str = "anna") -> Any:
    """Look at a link; its times are read."""
    told: Mapping[str, Any] = (await api.get(LINK, who)).data
    return {
        name: datetime.fromisoformat(at) if name in ("linkedAt", "since") and at else at for name, at in told.items()
    }


async def test_a_link_is_shown_without_its_chat(api: ApiStage, conn: Connection) -> None:
    """A link shows whether the chat can be written to and since when, and nothing that names the chat."""
    assert await shown(api) == NOT_LINKED
    await chat_link.connect(conn, "anna", CHAT, How.START)
    row = await conn.fetchrow("select linked_at, state_at from outbox.telegram_link")
    assert row is not None
    assert await shown(api) == {
        "linked": True,
        "state": "active",
        "linkedAt": row["linked_at"],
        "since": row["state_at"],
    }
    blocked = await conn.fetchval("select now() + interval '1 minute'")
    await chat_link.closed(conn, CHAT, LinkState.BLOCKED, blocked)
    assert await shown(api) == {"linked": True, "state": "blocked", "linkedAt": row["linked_at"], "since": blocked}
    assert await shown(api, "boris") == NOT_LINKED


async def test_unlinking(api: ApiStage, conn: Connection) -> None:
    """Unlinking ends the person's own link alone, skips what waits for it, and is audited once however often asked."""
    await queue(conn, ["anna"])
    await chat_link.connect(conn, "boris", CHAT + 1, How.START)
    for _ in range(2):
        assert (await api.delete(LINK, "anna")).data == NOT_LINKED
    assert await states(conn) == [("skipped", "no_link")]
    assert [(one.change, one.how) for one in await chat_link.audit(conn, "anna")][-1:] == [("unlinked", "api")]
    assert (await shown(api, "boris"))["linked"] is True


async def test_unlinking_what_is_not_linked(api: ApiStage, conn: Connection) -> None:
    """Who has no link is answered as if it had just ended, and nothing is audited."""
    assert (await api.delete(LINK, "anna")).data == NOT_LINKED
    assert await chat_link.audit(conn, "anna") == []
