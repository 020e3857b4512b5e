import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from telegram.simulator import DEVELOPMENT_TOKEN
from telegram.simulator.answer import Answer
from telegram.simulator.courier import Courier
from telegram.simulator.journal import Call
from telegram.simulator.request import Request
from telegram.simulator.set_webhook import set_webhook
from tests.integration.test_simulator import Client, client_of, until
from tests.integration.test_simulator_update import client, get, polls, say, shared_client
from workers.embedded.engine import free_port

__all__ = ["client", "shared_client"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
ACTIVE = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


@dataclass(slots=True)
class Receiver:
    """A bot's own web server, which answers in turn what it was told to and 200 after that."""

    port: int = 0
    answers: list[web.Response] = field(default_factory=list)
    updates: list[Any] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """Texts that are answered with 200 only when their event is set."""

    @property
    def url(self) -> str:
        """Give the address for setWebhook."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def texts(self) -> list[str]:
        """Give what was said, in the order in which it came."""
        return [update["message"]["text"] for update in self.updates]

    async def take(self, request: web.Request) -> web.Response:
        """Take one update."""
        update = await request.json()
        self.updates.append(update)
        self.secrets.append(request.headers.get(SECRET_HEADER))
        if self.answers:
            return self.answers.pop(0)
        if event := self.held.get(update.get("message", {}).get("text")):
            await event.wait()
        return web.Response()


@asynccontextmanager
async def listening(*answers: web.Response, port: int = 0) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(answers=list(answers))
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        # A test that fails must not leave an update unanswered: the server would wait for it without an end.
        for event in receiver.held.values():
            event.set()
        await runner.cleanup()


async def put(client: Client, url: str, **arguments: Any) -> Any:
    """Set the webhook."""
    status, answer = await client.call("setWebhook", url=url, **arguments)
    assert status == 200, answer
    return answer


async def info(client: Client) -> dict[str, Any]:
    """Call getWebhookInfo."""
    found: dict[str, Any] = (await client.call("getWebhookInfo"))[1]["result"]
    return found


def request(client: Client, **arguments: str) -> Request:
    """Make a call that comes in at this very moment, past HTTP."""
    world = client.simulator.world

    async def gone(_seconds: float | None) -> None:
        raise NotImplementedError

    async def perform(_method: str, _arguments: dict[str, str]) -> Answer:
        raise NotImplementedError

    call = Call(time.time(), "setWebhook")
    return Request(world, world.bots[DEVELOPMENT_TOKEN], arguments, call, world.journal, gone, perform)


async def nothing_pending(client: Client) -> None:
    """Wait until every update was taken."""
    bot = client.simulator.world.bots[DEVELOPMENT_TOKEN]
    await until(lambda: not bot.updates.pending(time.time()))


async def test_updates_are_posted_with_the_secret(client: Client) -> None:
    """What waits and what comes is posted as it would be polled, with the secret in its header."""
    await say(client, "a")
    polled = await get(client)
    async with listening() as receiver:
        assert (await put(client, receiver.url, secret_token="s-E_1"))["description"] == "Webhook was set"
        await say(client, "b")
        await nothing_pending(client)
    assert (receiver.texts, receiver.secrets) == (["a", "b"], ["s-E_1", "s-E_1"])
    assert receiver.updates[:1] == polled


async def test_without_a_secret_there_is_no_header(client: Client) -> None:
    """No secret, no header."""
    async with listening() as receiver:
        await put(client, receiver.url)
        await say(client, "a")
        await nothing_pending(client)
    assert receiver.secrets == [None]


async def test_a_webhook_and_polling_exclude_each_other(client: Client) -> None:
    """A waiting poll is ended, polling is refused, until the webhook is deleted; what waited is polled then."""
    poll = asyncio.create_task(client.call("getUpdates", timeout=50))
    await until(lambda: polls(client))
    async with listening(*[web.Response(status=500)] * 9) as receiver:
        await put(client, receiver.url)
        status, answer = await poll
        assert (status, answer["description"]) == (409, "Conflict: terminated by setWebhook request")
        status, answer = await client.call("getUpdates")
        assert (status, answer["description"]) == (409, ACTIVE)
        await say(client, "a")
        answers = [(await client.call("deleteWebhook"))[1]["description"] for _ in range(2)]
    assert answers == ["Webhook was deleted", "Webhook is already deleted"]
    assert [update["message"]["text"] for update in await get(client)] == ["a"]


async def test_a_refused_update_is_brought_again_before_the_next(client: Client) -> None:
    """Until it is taken, an update of a chat holds back those after it, and the failure is told."""
    async with listening(web.Response(status=401), web.Response(status=503)) as receiver:
        receiver.held["a"] = asyncio.Event()
        await put(client, receiver.url)
        await say(client, "a", "b")
        await until(lambda: len(receiver.updates) == 3)
        told = await info(client)
        receiver.held["a"].set()
        await nothing_pending(client)
    assert receiver.texts == ["a", "a", "a", "b"]
    assert told["pending_update_count"] == 2
    assert told["last_error_message"] in (
        "Wrong response from the webhook: 401 Unauthorized",
        "Wrong response from the webhook: 503 Service Unavailable",
    )
    assert told["last_error_date"] <= time.time()


async def test_one_chat_does_not_wait_for_another(client: Client) -> None:
    """While an update of one chat is not answered, another chat's is brought."""
    await client.put_chat(43)
    async with listening() as receiver:
        receiver.held["slow"] = asyncio.Event()
        await put(client, receiver.url)
        await say(client, "slow", "after")
        await say(client, "other", chat_id=43)
        await until(lambda: "other" in receiver.texts)
        assert receiver.texts == ["slow", "other"]
        receiver.held["slow"].set()
        await nothing_pending(client)
    assert receiver.texts == ["slow", "other", "after"]


async def test_one_connection_brings_one_update_at_a_time(client: Client) -> None:
    """max_connections is the number of updates under way."""
    await client.put_chat(43)
    async with listening() as receiver:
        receiver.held["slow"] = asyncio.Event()
        await put(client, receiver.url, max_connections=1)
        await say(client, "slow")
        await until(lambda: receiver.texts == ["slow"])
        await say(client, "other", chat_id=43)
        assert (await info(client))["pending_update_count"] == 2
        for _ in range(10):
            # What is asked later is answered: an update on its way would have come by now.
            async with client.http.get(receiver.url) as answer:
                assert answer.status == 405
        assert receiver.texts == ["slow"]
        receiver.held["slow"].set()
        await nothing_pending(client)
    assert receiver.texts == ["slow", "other"]


async def test_a_webhook_that_is_away_gets_its_updates_when_it_is_back(client: Client) -> None:
    """A refused connection is told as such and tried again; nothing is lost."""
    gone = Receiver(free_port())
    await put(client, gone.url)
    await say(client, "a")
    webhook = client.simulator.world.bots[DEVELOPMENT_TOKEN].webhook
    assert webhook is not None
    await until(lambda: webhook.last_error != "")
    assert (await info(client))["last_error_message"] == "Connection refused"
    async with listening(port=gone.port) as receiver:
        await nothing_pending(client)
    assert receiver.texts == ["a"]


@pytest.mark.parametrize("kind", ["json", "form"])
async def test_an_answer_with_a_method_is_executed(client: Client, kind: str) -> None:
    """A webhook may answer with a call, as JSON or as a form; it is in the journal as any other."""
    call = {"method": "sendMessage", "chat_id": 42, "text": "welcome"}
    form = web.Response(
        body=aiohttp.FormData(call | {"chat_id": "42"})(), content_type="application/x-www-form-urlencoded"
    )
    answer = web.json_response(call) if kind == "json" else form
    async with listening(answer) as receiver:
        await put(client, receiver.url)
        await say(client, "/start")
        await nothing_pending(client)
        world = client.simulator.world
        await until(lambda: any(call.method == "sendMessage" for call in world.journal.last(5)))
    assert await client.texts(42) == ["/start", "welcome"]
    calls = await client.read("calls")
    assert [(each["method"], each["decision"]) for each in calls][-1] == ("sendMessage", "ok")


async def test_an_update_is_taken_before_its_call_has_ended(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer with a call takes the update off at once, however long the flood model holds the call back."""
    calls: list[object] = []

    async def hold(_courier: Courier, taken: object) -> None:
        calls.append(taken)
        await asyncio.Event().wait()

    monkeypatch.setattr(Courier, "_execute", hold)
    async with listening(web.json_response({"method": "sendMessage", "chat_id": 42, "text": "late"})) as receiver:
        await put(client, receiver.url)
        await say(client, "a", "b")
        await nothing_pending(client)
        await until(lambda: len(calls) == 2)
        assert receiver.texts == ["a", "b"]


@pytest.mark.parametrize("method", ["deleteWebhook", "setWebhook", "logOut", "getMe", "noSuchMethod"])
async def test_some_answers_are_not_executed(client: Client, method: str) -> None:
    """What asks for something, or changes the webhook, is passed over; what is wrong harms nobody."""
    async with listening(web.json_response({"method": method})) as receiver:
        await put(client, receiver.url)
        await say(client, "a", "b")
        await nothing_pending(client)
        assert (await info(client))["url"] == receiver.url
    assert receiver.texts == ["a", "b"]


async def test_the_info_tells_what_was_set(client: Client) -> None:
    """The info shows the address, the connections, the allowed updates and how many wait."""
    assert await info(client) == {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
    url = "https://bot.example.org/hook"
    arguments = {"max_connections": 7, "allowed_updates": ["callback_query", "message"], "ip_address": "93.184.216.34"}
    await put(client, url, **arguments)
    assert await info(client) == {
        "url": url,
        "has_custom_certificate": False,
        "pending_update_count": 0,
        "ip_address": "93.184.216.34",
        "max_connections": 7,
        "allowed_updates": ["message", "callback_query"],
    }
    assert (await put(client, url, **arguments))["description"] == "Webhook is already set"
    assert (await put(client, ""))["description"] == "Webhook was deleted"


async def test_pending_updates_are_dropped_on_order(client: Client) -> None:
    """drop_pending_updates forgets what waits, with setWebhook and with deleteWebhook."""
    await say(client, "a")
    await client.call("deleteWebhook", drop_pending_updates=True)
    assert await get(client) == []
    await say(client, "b")
    async with listening() as receiver:
        await put(client, receiver.url, drop_pending_updates=True)
        await say(client, "c")
        await nothing_pending(client)
    assert receiver.texts == ["c"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"url": "http://bot.example.org/"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "https://bot.example.org/", "secret_token": "a b"}, "secret token contains unallowed characters"),
    ],
)
async def test_a_refused_webhook_ends_the_one_before(client: Client, arguments: dict[str, str], fault: str) -> None:
    """As with the real server, the old webhook is gone when the new one is refused."""
    async with listening() as receiver:
        await put(client, receiver.url)
        status, answer = await client.call("setWebhook", **arguments)
    assert (status, answer["description"]) == (400, f"Bad Request: {fault}")
    assert (await info(client))["url"] == ""


async def test_a_reset_ends_the_webhook(client: Client) -> None:
    """Nothing is brought to where a forgotten bot wanted it."""
    async with listening() as receiver:
        await put(client, receiver.url)
        await client.order("POST", "reset")
        await client.put_chat(42)
        await say(client, "a")
        assert [update["message"]["text"] for update in await get(client)] == ["a"]
    assert receiver.updates == []


async def test_set_webhook_twice_a_second_is_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits the second call within a second is told to wait."""
    monkeypatch.setattr("telegram.simulator.set_webhook.time", SimpleNamespace(monotonic=lambda: 1.0))
    async with client_of() as client:
        answers = [await client.call("setWebhook", url="https://bot.example.org/") for _ in range(2)]
    assert [answer.get("description") for _, answer in answers] == [
        "Webhook was set",
        "Too Many Requests: retry after 1",
    ]


async def test_of_two_webhooks_set_at_once_one_is_left(client: Client) -> None:
    """Who sets two webhooks at the same moment gets each update at one of them, and none after deleting."""
    async with listening() as first, listening() as second, listening() as third:
        await put(client, first.url)
        await asyncio.gather(*(set_webhook(request(client, url=each.url)) for each in (second, third)))
        await say(client, "a")
        await nothing_pending(client)
        await client.call("deleteWebhook")
        await say(client, "b")
        assert [update["message"]["text"] for update in await get(client)] == ["b"]
    assert sorted([first.texts, second.texts, third.texts]) == [[], [], ["a"]]
