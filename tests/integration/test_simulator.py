import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramForbiddenError, TelegramMigrateToChat, TelegramRetryAfter
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from telegram.simulator import DEVELOPMENT_TOKEN, RunningSimulator, SimulatorOptions, running
from tests.integration.stage import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGEST_ID = 9223372036854775807


@dataclass(frozen=True, slots=True)
class Client:
    """The two APIs of one simulator over HTTP."""

    simulator: RunningSimulator
    http: aiohttp.ClientSession

    async def call(self, method: str, *, token: str = DEVELOPMENT_TOKEN, **arguments: Any) -> tuple[int, Any]:
        """Call the Bot API with JSON."""
        url = f"{self.simulator.url}/bot{token}/{method}"
        async with self.http.post(url, json=arguments) as answer:
            return answer.status, await answer.json(content_type=None)

    async def send(self, chat_id: object, text: str, **arguments: Any) -> tuple[int, Any]:
        """Send a message."""
        return await self.call("sendMessage", chat_id=chat_id, text=text, **arguments)

    async def order(self, verb: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the control API."""
        url = f"{self.simulator.control_url}/control/{path}"
        async with self.http.request(verb, url, json=body) as answer:
            return answer.status, await answer.json()

    async def read(self, path: str) -> Any:
        """Read from the control API."""
        return (await self.order("GET", path))[1]

    async def put_chat(self, chat_id: int, **fields: object) -> None:
        """Make or change a chat."""
        status, answer = await self.order("PUT", f"chats/{chat_id}", fields)
        assert status == 200, answer

    async def texts(self, chat_id: int) -> list[str]:
        """Give what the person has received, oldest first."""
        return [message["text"] for message in await self.read(f"chats/{chat_id}/messages")]


@asynccontextmanager
async def client_of(**options: Any) -> AsyncIterator[Client]:
    """Run a simulator and give its client."""
    async with (
        running(SimulatorOptions(port=0, control_port=0, **options)) as simulator,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S)) as http,
    ):
        yield Client(simulator, http)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_client() -> AsyncIterator[Client]:
    """Run one simulator for all tests that need no options."""
    async with client_of() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared_client: Client) -> Client:
    """Give a fresh world in which chat 42 has started the bot."""
    shared_client.simulator.world.reset()
    await shared_client.put_chat(42, state="started", name="Анна")
    return shared_client


@pytest_asyncio.fixture(loop_scope="module")
async def bot(client: Client) -> AsyncIterator[Bot]:
    """Give an aiogram bot that talks to the simulator."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(client.simulator.url))
    properties = DefaultBotProperties(parse_mode="HTML")
    async with Bot(DEVELOPMENT_TOKEN, session=session, default=properties) as made:
        yield made


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact, with a limit."""
    async with asyncio.timeout(PATIENCE_S):
        while not fact():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_aiogram_works_against_it_unchanged(client: Client, bot: Bot) -> None:
    """A message sent by aiogram is answered to it and shown to the person as Telegram would."""
    me = await bot.get_me()
    button = InlineKeyboardButton(text="Открыть", url="https://example.com")
    sent = await bot.send_message(
        42,
        "<b>Выплата</b> 😀 &lt;1&gt;",
        reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]),
        disable_notification=True,
    )
    assert (me.id, me.is_bot, sent.message_id, sent.chat.first_name) == (1000000001, True, 1, "Анна")
    assert sent.html_text == "<b>Выплата</b> 😀 &lt;1&gt;"
    seen = (await client.read("chats/42/messages"))[0]
    assert seen.pop("date") == int(sent.date.timestamp())
    assert seen == {
        "message_id": 1,
        "from": "bot",
        "text": "Выплата 😀 <1>",
        "entities": [{"offset": 0, "length": 7, "type": "bold"}],
        "reply_markup": {"inline_keyboard": [[{"text": "Открыть", "url": "https://example.com/"}]]},
        "silent": True,
        "edited": False,
    }


async def test_an_edited_message_is_seen_as_edited(client: Client, bot: Bot) -> None:
    """An edit changes what the person sees; the same text again is refused."""
    sent = await bot.send_message(42, "one")
    await bot.edit_message_text("two", chat_id=42, message_id=sent.message_id)
    seen = (await client.read("chats/42/messages"))[0]
    assert (seen["text"], seen["edited"]) == ("two", True)
    status, answer = await client.call("editMessageText", chat_id=42, message_id=1, text="two")
    assert (status, answer["description"][:39]) == (400, "Bad Request: message is not modified: s")


async def test_aiogram_sees_the_errors_it_knows(client: Client, bot: Bot) -> None:
    """Blocked, migrated and throttled reach aiogram as its own exceptions with their parameters."""
    await client.put_chat(43, state="blocked")
    await client.put_chat(-44, type="group", migrate_to=-1001234567890)
    await client.order("POST", "faults", {"kind": "error", "code": 429, "retry_after": 7, "chat_id": 42})
    with pytest.raises(TelegramForbiddenError, match="bot was blocked by the user"):
        await bot.send_message(43, "x")
    with pytest.raises(TelegramMigrateToChat) as migrated:
        await bot.send_message(-44, "x")
    assert migrated.value.migrate_to_chat_id == -1001234567890
    with pytest.raises(TelegramRetryAfter) as throttled:
        await bot.send_message(42, "x")
    assert throttled.value.retry_after == 7


@pytest.mark.parametrize("body", ["json", "form", "multipart", "query"])
async def test_arguments_may_come_in_any_way(client: Client, body: str) -> None:
    """JSON, form, multipart and query are the same call; the method's case does not matter."""
    url = f"{client.simulator.url}/bot{DEVELOPMENT_TOKEN}/SENDmessage"
    arguments = {"chat_id": "42", "text": "привет"}
    multipart = aiohttp.FormData(arguments, default_to_multipart=True)
    ways: dict[str, dict[str, Any]] = {
        "json": {"json": arguments},
        "form": {"data": arguments},
        "multipart": {"data": multipart},
        "query": {"params": arguments},
    }
    async with client.http.request("GET" if body == "query" else "POST", url, **ways[body]) as answer:
        assert (await answer.json())["result"]["text"] == "привет"


async def test_unknown_tokens_and_methods_are_refused(client: Client) -> None:
    """The envelope of a refusal is exact, and its HTTP status is the error code."""
    assert await client.call("getMe", token="1:x") == (
        401,
        {"ok": False, "error_code": 401, "description": "Unauthorized"},
    )
    assert await client.call("sendNothing") == (
        404,
        {"ok": False, "error_code": 404, "description": "Not Found: method not found"},
    )


@pytest.mark.parametrize(
    ("chat", "code", "description"),
    [
        ({"state": "none"}, 403, "Forbidden: bot can't initiate conversation with a user"),
        ({"state": "blocked"}, 403, "Forbidden: bot was blocked by the user"),
        ({"state": "deactivated"}, 403, "Forbidden: user is deactivated"),
        ({"state": "none", "type": "group"}, 403, "Forbidden: bot is not a member of the group chat"),
        ({"state": "kicked", "type": "group"}, 403, "Forbidden: bot was kicked from the group chat"),
        ({"state": "kicked", "type": "supergroup"}, 403, "Forbidden: bot was kicked from the supergroup chat"),
        ({"state": "deactivated", "type": "group"}, 403, "Forbidden: the group chat was deleted"),
        (
            {"type": "supergroup", "can_write": False},
            400,
            "Bad Request: not enough rights to send text messages to the chat",
        ),
    ],
)
async def test_each_state_of_a_chat_has_its_refusal(
    client: Client,
    chat: dict[str, object],
    code: int,
    description: str,
) -> None:
    """What a chat answers is what Telegram answers in that state, and nothing is delivered."""
    await client.put_chat(77, **chat)
    status, answer = await client.send(77, "x")
    assert (status, answer["error_code"], answer["description"]) == (code, code, description)
    assert await client.texts(77) == []


@pytest.mark.parametrize(
    ("arguments", "description"),
    [
        ({"chat_id": 1, "text": "<b>", "parse_mode": "HTML"}, "can't parse entities"),
        ({"chat_id": 1, "text": "x" * 4097}, "chat not found"),
        ({"chat_id": 1, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "x"}]]}}, "can't parse inline"),
        ({"chat_id": 1, "text": ""}, "message text is empty"),
        ({"text": "x"}, "chat_id is empty"),
        ({"chat_id": "@nobody", "text": "x"}, "chat not found"),
        ({"chat_id": 2**64, "text": "x"}, "chat not found"),
        ({"chat_id": 42, "text": "x" * 4097, "message_thread_id": 5}, "message thread not found"),
        ({"chat_id": 43, "text": "x" * 4097}, "message is too long"),
        ({"chat_id": 43, "text": "x", "reply_parameters": {"message_id": 9}}, "message to be replied not found"),
        (
            {
                "chat_id": 43,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "x" * 65}]]},
            },
            "BUTTON_DATA_INVALID",
        ),
    ],
)
async def test_checks_come_in_the_real_order(
    client: Client,
    arguments: dict[str, Any],
    description: str,
) -> None:
    """Text and entities, reply, markup, chat, topic, length, rights, and only then the server behind."""
    await client.put_chat(43, state="blocked")
    status, answer = await client.call("sendMessage", **arguments)
    assert status == 400
    assert answer["description"].startswith(f"Bad Request: {description}")


@pytest.fixture
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass for the limits and the rate that is told, however slow the machine is."""
    moment = time.monotonic()
    standing = SimpleNamespace(time=time.time, monotonic=lambda: moment)
    for module in ("send_message", "control"):
        monkeypatch.setattr(f"telegram.simulator.{module}.time", standing)


@pytest.mark.usefixtures("timeless")
async def test_a_429_says_how_long_to_wait_twice(client: Client) -> None:
    """A chat far over its rate gets 429 with retry_after in the parameters and as a header."""
    url = f"{client.simulator.url}/bot{DEVELOPMENT_TOKEN}/sendMessage"
    sends = [asyncio.create_task(client.send(42, f"{number}")) for number in range(13)]
    await until(lambda: len(client.simulator.world.chats[42].messages) >= 5)
    await until(lambda: client.simulator.world.journal.counters.calls == 13)
    async with client.http.post(url, json={"chat_id": 42, "text": "x"}) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers["Retry-After"]) == (429, str(body["parameters"]["retry_after"]))
    assert body["parameters"]["retry_after"] == 9
    assert body["description"] == "Too Many Requests: retry after 9"
    counters = await client.read("counters")
    assert (counters["throttled"], counters["violations"]) == (1, 9)
    for task in sends:
        task.cancel()


@pytest.mark.usefixtures("timeless")
async def test_a_short_wait_is_absorbed_and_the_message_delivered() -> None:
    """What is over the burst by less than 8 s is answered late and shown once."""
    async with client_of(chat_rate=0.5) as client:
        await client.put_chat(42)
        for number in range(3):
            assert (await client.send(42, f"{number}"))[0] == 200
        last = (await client.read("calls?after=2"))[0]
        assert (last["decision"], last["delivered"], last["violation"]) == ("ok", True, "over_rate")
        assert last["held_seconds"] == 1
        assert await client.texts(42) == ["0", "1", "2"]


@pytest.mark.usefixtures("timeless")
async def test_a_held_message_arrives_although_its_client_has_gone() -> None:
    """Giving up while the answer is held loses the answer, not the message."""
    async with client_of(chat_rate=0.5) as client:
        await client.put_chat(42)
        for number in range(2):
            await client.send(42, f"{number}")
        late = asyncio.create_task(client.send(42, "late"))
        await until(lambda: client.simulator.world.journal.counters.calls == 3)
        late.cancel()
        # looked at without a word to anybody: meanwhile no time passes
        chat = client.simulator.world.chats[42]
        assert len(chat.messages) == 2
        with pytest.raises(asyncio.CancelledError):
            await late
        await until(lambda: len(chat.messages) == 3)


@pytest.mark.parametrize(
    ("kind", "delivered"),
    [("close_before", []), ("close_after_delivery", ["x"])],
)
async def test_a_connection_is_really_dropped(client: Client, kind: str, delivered: list[str]) -> None:
    """The client sees the connection end without an answer; only the order says if the message arrived."""
    await client.order("POST", "faults", {"kind": kind, "method": "sendmessage", "times": 1})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.send(42, "x")
    assert await client.texts(42) == delivered
    assert (await client.send(42, "y"))[0] == 200
    first = (await client.read("calls"))[0]
    assert (first["decision"], first["delivered"], first["fault"]) == (None, bool(delivered), kind)


async def test_a_proxys_page_is_no_json(client: Client) -> None:
    """An html_502 has the proxy's status, type and body; nothing is delivered."""
    await client.order("POST", "faults", {"kind": "html_502", "times": 1})
    url = f"{client.simulator.url}/bot{DEVELOPMENT_TOKEN}/sendMessage"
    async with client.http.post(url, json={"chat_id": 42, "text": "x"}) as answer:
        assert (answer.status, answer.content_type) == (502, "text/html")
        assert "<h1>502 Bad Gateway</h1>" in await answer.text()
    assert await client.texts(42) == []


async def test_broken_json_hides_a_delivered_message(client: Client) -> None:
    """A bad_json is a 200 that cannot be decoded, and the message is there."""
    await client.order("POST", "faults", {"kind": "bad_json", "times": 1})
    with pytest.raises(json.JSONDecodeError):
        await client.send(42, "x")
    assert await client.texts(42) == ["x"]


async def test_a_hanging_call_ends_without_an_answer(client: Client) -> None:
    """A hang delivers nothing and drops the connection when its seconds are over."""
    await client.order("POST", "faults", {"kind": "hang", "seconds": 0.1, "times": 1})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.send(42, "x")
    assert await client.texts(42) == []


async def test_latency_comes_before_the_work(client: Client) -> None:
    """A late call is worked on after its seconds, then answered as ever."""
    await client.order("POST", "faults", {"kind": "latency", "seconds": 0.2, "times": 1})
    began = time.monotonic()
    assert (await client.send(42, "x"))[0] == 200
    assert time.monotonic() - began >= 0.2


async def test_a_late_answer_comes_after_the_message(client: Client) -> None:
    """The person sees the message while the client still waits for its answer, which then is the usual one."""
    await client.order("POST", "faults", {"kind": "late_answer", "seconds": 0.2, "times": 1})
    sending = asyncio.create_task(client.send(42, "x"))
    await until(lambda: client.simulator.world.journal.counters.delivered == 1)
    # looked at without a word to anybody: meanwhile no time passes
    assert [message.content.text for message in client.simulator.world.chats[42].messages] == ["x"]
    assert not sending.done()
    status, answer = await sending
    assert (status, answer["result"]["text"]) == (200, "x")


async def test_whoever_leaves_before_a_late_answer_has_sent_a_message_all_the_same(client: Client) -> None:
    """A client that goes away while the answer is kept back changes nothing of what was delivered."""
    await client.order("POST", "faults", {"kind": "late_answer", "seconds": 60, "times": 1})
    sending = asyncio.create_task(client.send(42, "x"))
    await until(lambda: client.simulator.world.journal.counters.delivered == 1)
    sending.cancel()
    await until(lambda: len(client.simulator.world.journal.after(0)) == 1)
    call = (await client.read("calls"))[0]
    assert (call["delivered"], call["fault"]) == (True, "late_answer")
    assert await client.texts(42) == ["x"]


async def test_faults_stand_until_they_are_taken_back(client: Client) -> None:
    """Without `times` an order strikes for ever; DELETE ends it."""
    order = {"kind": "error", "code": 403, "description": "Forbidden: bot can't send messages to the user"}
    assert (await client.order("POST", "faults", order))[0] == 200
    assert [(await client.send(42, "x"))[0] for _ in range(2)] == [403, 403]
    await client.order("DELETE", "faults")
    assert (await client.send(42, "x"))[0] == 200


@pytest.mark.usefixtures("timeless")
async def test_calls_and_counters_tell_what_happened(client: Client) -> None:
    """Every call is listed with its decision, and the sums agree."""
    await client.send(42, "same")
    await client.send(42, "same")
    await client.send(1, "x")
    calls = await client.read("calls?after=1")
    assert [
        (call["number"], call["method"], call["chat_id"], call["decision"], call["delivered"]) for call in calls
    ] == [
        (2, "sendMessage", 42, "ok", True),
        (3, "sendMessage", 1, 400, False),
    ]
    assert await client.read("counters") == {
        "calls": 3,
        "delivered": 2,
        "rejected": 1,
        "throttled": 0,
        "held": 0,
        "violations": 0,
        "duplicates": 1,
        "rate_last_second": 2,
    }


async def test_reset_forgets_all(client: Client) -> None:
    """After a reset nobody is known, nothing was called and no fault stands."""
    await client.order("POST", "faults", {"kind": "error"})
    await client.send(42, "x")
    await client.order("POST", "reset")
    assert (await client.read("counters"))["calls"] == 0
    assert await client.read("faults") == []
    assert (await client.send(42, "x"))[1]["description"] == "Bad Request: chat not found"


async def test_many_chats_are_put_at_once(client: Client) -> None:
    """A list makes all its chats, with any 64-bit id; what a later call leaves out stays."""
    chats = [{"chat_id": LARGEST_ID, "name": "Far"}, {"chat_id": -LARGEST_ID, "state": "kicked"}]
    assert await client.order("PUT", "chats", chats) == (200, {"chats": 2})
    await client.put_chat(LARGEST_ID, state="blocked")
    far, group = await client.read(f"chats/{LARGEST_ID}"), await client.read(f"chats/{-LARGEST_ID}")
    assert (far["name"], far["state"], group["type"]) == ("Far", "blocked", "supergroup")


@pytest.mark.parametrize(
    ("verb", "path", "body", "status"),
    [
        ("PUT", f"chats/{LARGEST_ID + 1}", {}, 422),
        ("PUT", "chats/5", {"state": "asleep"}, 422),
        ("PUT", "chats/5", {"state": "kicked"}, 422),
        ("POST", "faults", {"kind": "flood"}, 422),
        ("GET", "chats/5/messages", None, 404),
    ],
)
async def test_wrong_orders_are_refused(client: Client, verb: str, path: str, body: object, status: int) -> None:
    """An order that makes no sense changes nothing and says so."""
    assert (await client.order(verb, path, body))[0] == status
    assert 5 not in client.simulator.world.chats


async def test_a_process_says_where_it_listens_and_ends_cleanly() -> None:
    """The ready line names both ports; SIGTERM ends the process with 0, even with calls that hang."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telegram.simulator", "--port", "0", "--control-port", "0", "--token", "7:secret"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            ready = json.loads(await process.stdout.readline())
        assert ready["event"] == "simulator_ready"
        await _hang_and_stop(process, ready)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()


async def _hang_and_stop(process: asyncio.subprocess.Process, ready: dict[str, int]) -> None:
    api = f"http://127.0.0.1:{ready['port']}/bot7:secret"
    control = f"http://127.0.0.1:{ready['control_port']}/control"
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{api}/getMe") as answer:
            assert (await answer.json())["result"]["id"] == 7
        async with http.post(f"{control}/faults", json={"kind": "hang"}) as answer:
            assert answer.status == 200
        hanging = asyncio.create_task(_failure_of(http, f"{api}/getMe"))
        async with asyncio.timeout(PATIENCE_S):
            while (await _counters(http, control))["calls"] < 2:  # noqa: ASYNC110  another process tells nobody
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert isinstance(await hanging, aiohttp.ClientError)


async def _failure_of(http: aiohttp.ClientSession, url: str) -> Exception | None:
    try:
        async with http.get(url) as answer:
            await answer.read()
    except aiohttp.ClientError as error:
        return error
    return None


async def _counters(http: aiohttp.ClientSession, control: str) -> Any:
    async with http.get(f"{control}/counters") as answer:
        return await answer.json()
