import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from telegram.simulator import DEVELOPMENT_TOKEN
from tests.clients.client import CLIENTS, GRAMMY, PYTHON_TELEGRAM_BOT, Client
from tests.clients.person import Person, living
from tests.clients.program import Program, started
from tests.integration.stage import PATIENCE_S
from workers.embedded.engine import free_port

ANNA, BLOCKER, STRANGER, BUSY = 42, 43, 44, 45
SECRET = "heraldry-7"
SEEN_TEXT = "Выплата 😀 готова <1> чек"
SEEN_ENTITIES = [
    ["bold", 0, 7, None],
    ["italic", 11, 6, None],
    ["text_link", 22, 3, "https://example.com/"],
]
"""Type, offset and length in UTF-16 units, link: an emoji is two units long."""
TEXTS = {
    "HTML": '<b>Выплата</b> 😀 <i>готова</i> &lt;1&gt; <a href="https://example.com/">чек</a>',
    "MarkdownV2": "*Выплата* 😀 _готова_ <1\\> [чек](https://example.com/)",
}
BUTTONS = [[["Да", "answer:yes", None]], [["Сайт", None, "https://example.com/"]]]
HISTORY = [
    ("bot", SEEN_TEXT, None),
    ("bot", SEEN_TEXT, None),
    ("bot", "Верно?!!", None),
    ("person", "Привет 😀", None),
    ("bot", "Эхо: Привет 😀", 4),
    ("person", "/end", None),
    ("person", "Через вебхук", None),
    ("bot", "Эхо: Через вебхук", 7),
    ("person", "/end", None),
]
"""The chat in the end: who wrote what, in reply to which message."""
FLOOD = [f"{number}" for number in range(1, 9)]
"""Five pass at once, the others one a second."""


@pytest.fixture
async def person() -> AsyncIterator[Person]:
    """Let one person live with whom the bot never comes near a limit."""
    async with living(ANNA, chat_rate=10) as made:
        yield made


@pytest.fixture
async def hurried() -> AsyncIterator[Person]:
    """Let one person live whose bot is told to wait, never held."""
    async with living(ANNA, chat_rate=1, longest_hold=0) as made:
        yield made


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_an_unchanged_client_goes_through_every_step(client: Client, person: Person, tmp_path: Path) -> None:
    """Who the bot is, formatting, buttons, refusals, long polling, callback and webhook: each is as with Telegram."""
    port = free_port()
    await _people_are(person)
    async with started(client, _order(person, port), tmp_path / "complaints") as program:
        await _sends(person, program)
        await _is_refused(client, program)
        await _polls(person, program)
        await _serves(client, person, program, port)
        await program.end()
    history = await person.history()
    assert [(line["from"], line["text"], line.get("reply_to_message_id")) for line in history] == HISTORY
    assert await person.refusals() == [403, 400, 429]


@pytest.mark.parametrize("client", [PYTHON_TELEGRAM_BOT, GRAMMY], ids=lambda client: client.name)
async def test_a_client_that_waits_as_told_recovers_from_429(client: Client, hurried: Person, tmp_path: Path) -> None:
    """python-telegram-bot's rate limiter and grammY's auto-retry bring every message through a flood wait once."""
    order = {"api": hurried.simulator.url, "token": DEVELOPMENT_TOKEN, "person": ANNA, "flood": FLOOD}
    async with started(client, order, tmp_path / "complaints") as program:
        await program.step("flooded")
        await program.end()
    assert sorted(message["text"] for message in await hurried.history()) == FLOOD
    counters = await hurried.order("GET", "counters")
    assert counters["throttled"] >= 1
    assert (counters["delivered"], counters["held"], counters["duplicates"]) == (8, 0, 0)


def _order(person: Person, port: int) -> dict[str, Any]:
    """Tell a client all it has to know."""
    return {
        "api": person.simulator.url,
        "token": DEVELOPMENT_TOKEN,
        "person": ANNA,
        "texts": TEXTS,
        "refusing": {"blocked": BLOCKER, "unknown": STRANGER, "throttled": BUSY},
        "port": port,
        "hook": _hook(port),
        "secret": SECRET,
    }


async def _people_are(person: Person) -> None:
    await person.is_in(BLOCKER, state="blocked")
    await person.is_in(BUSY)
    await person.order("POST", "faults", {"kind": "error", "code": 429, "retry_after": 7, "chat_id": BUSY})


async def _sends(person: Person, program: Program) -> None:
    bot = {"id": 1000000001, "is_bot": True, "username": "vestnik_1000000001_bot"}
    assert await program.step("me") == bot
    for number, mode in enumerate(TEXTS, start=1):
        seen = {"mode": mode, "message_id": number, "text": SEEN_TEXT, "entities": SEEN_ENTITIES}
        assert await program.step("sent") == seen
    assert await program.step("buttons") == {"message_id": 3, "buttons": BUTTONS}
    html, markdown, question = await person.history()
    assert (html["text"], html["entities"]) == (markdown["text"], markdown["entities"])
    assert [html["text"], [entity["type"] for entity in html["entities"]]] == [
        SEEN_TEXT,
        ["bold", "italic", "text_link"],
    ]
    assert question["reply_markup"]["inline_keyboard"][0] == [{"text": "Да", "callback_data": "answer:yes"}]


async def _is_refused(client: Client, program: Program) -> None:
    error, description = client.refusals.blocked
    assert await program.step("blocked") == {"error": error, "description": description}
    error, description = client.refusals.unknown
    assert await program.step("unknown") == {"error": error, "description": description}
    assert await program.step("throttled") == {"error": client.refusals.throttled, "retry_after": 7}


async def _polls(person: Person, program: Program) -> None:
    await _is_answered(person, program, "Привет 😀")
    await _is_tapped(person, program, before="Верно?", after="Верно?!")
    await person.say("/end")
    await program.step("polled")


async def _serves(client: Client, person: Person, program: Program, port: int) -> None:
    await _until(lambda: _webhook_is(person, _hook(port)))
    assert await _forged(person, port) == client.wrong_secret
    await _is_answered(person, program, "Через вебхук")
    await _is_tapped(person, program, before="Верно?!", after="Верно?!!")
    await person.say("/end")
    await program.step("served")
    assert await _webhook_is(person, "")


async def _is_answered(person: Person, program: Program, text: str) -> None:
    await person.say(text)
    seen = {"text": text, "sender": "Анна", "chat_id": ANNA, "language": "ru"}
    assert await program.step("message") == seen
    await _until(lambda: _has_received(person, f"Эхо: {text}"))


async def _is_tapped(person: Person, program: Program, *, before: str, after: str) -> None:
    await person.tap(3, "answer:yes")
    assert await program.step("callback") == {"data": "answer:yes", "message_id": 3, "text": before}
    question = (await person.history())[2]
    assert (question["text"], question["edited"]) == (after, True)
    # Telegraf's answer to a webhook is on its way while its next call is answered.
    await _until(lambda: _is_alerted(person, "Принято"))


async def _has_received(person: Person, text: str) -> bool:
    return text in [message["text"] for message in await person.history()]


async def _is_alerted(person: Person, text: str) -> bool:
    answer = (await person.order("GET", f"chats/{ANNA}/callbacks"))[-1]
    return (answer["text"], answer["show_alert"]) == (text, True)


async def _webhook_is(person: Person, url: str) -> bool:
    call = f"{person.simulator.url}/bot{DEVELOPMENT_TOKEN}/getWebhookInfo"
    async with person.http.get(call) as answer:
        return bool((await answer.json())["result"]["url"] == url)


async def _forged(person: Person, port: int) -> int:
    """Send an update as somebody would who has found out the address, but not the secret."""
    chat = {"id": ANNA, "type": "private", "first_name": "Анна"}
    sender = {"id": ANNA, "is_bot": False, "first_name": "Анна"}
    message = {"message_id": 99, "date": 1, "chat": chat, "from": sender, "text": "forged"}
    statuses: list[int] = []

    async def answered() -> bool:
        try:
            async with person.http.post(
                _hook(port),
                json={"update_id": 1, "message": message},
                headers={"X-Telegram-Bot-Api-Secret-Token": "guessed"},
            ) as answer:
                statuses.append(answer.status)
        except aiohttp.ClientConnectorError:
            # pyTelegramBotAPI says where it listens before it does.
            return False
        return True

    await _until(answered)
    return statuses[0]


def _hook(port: int) -> str:
    return f"http://127.0.0.1:{port}/hook/"


async def _until(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a fact, with a limit."""
    async with asyncio.timeout(PATIENCE_S):
        while not await fact():  # noqa: ASYNC110  another process tells nobody
            await asyncio.sleep(0.01)
