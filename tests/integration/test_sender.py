"""The sender against a real HTTP server that answers as Telegram and its proxies do."""

import asyncio
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiogram import Bot
from aiogram.methods import GetMe
from aiohttp import web
from prometheus_client import CollectorRegistry

from health.metrics import Metrics
from outbox.delivery.outcome import Delivered, Reason, Reject, Retry, Snooze, Unknown
from telegram.answer import Phase
from telegram.bot_api_session import BotApiSession
from telegram.error import AnswerError, BadTokenError, BotRefusedError, BotUnavailableError
from telegram.message import Button, Message
from telegram.sender import Me, Sender
from telegram.verdict import Degrade
from tests.integration.stage import PATIENCE_S
from workers.embedded.engine import free_port

TOKEN = "4242:very-secret-token"
CHAT = 1001
TEXT = Message(text="<b>Hello</b>, world")
WITH_BUTTON = Message(text="<b>Hello</b>", button=Button(text="Open", url="https://example.org/x"))

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class BotApi:
    """An HTTP server that answers in the order it was told to, and keeps what it was asked."""

    base: str = ""
    answers: list[Respond] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def will(self, *answers: Respond) -> None:
        """Answer the next requests so."""
        self.answers.extend(answers)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Keep the request and give the next answer."""
        form = await request.post()
        self.calls.append({"method": request.path.rsplit("/", 1)[1]} | {k: str(v) for k, v in form.items()})
        self.asked.set()
        return await self.answers.pop(0)(request)


def sent(message_id: int = 7) -> Respond:
    """Answer as Telegram does for a message it has sent."""
    chat = {"id": CHAT, "type": "private", "first_name": "Ann"}
    result = {"message_id": message_id, "date": 1_790_000_000, "chat": chat, "text": "Hello, world"}
    return says(200, {"ok": True, "result": result})


def says(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Respond:
    """Answer with JSON."""

    async def respond(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return respond


def refuses(code: int, description: str, **parameters: int) -> Respond:
    """Answer as Telegram does when it refuses."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return says(code, body | ({"parameters": parameters} if parameters else {}))


def page(status: int, **headers: str) -> Respond:
    """Answer with a proxy's HTML page."""

    async def respond(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="<h1>nginx</h1>", content_type="text/html", headers=headers)

    return respond


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """Read the request and close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """Say 200, begin the body, and close the connection."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"ok":true,"result":{"mess')
    assert request.transport is not None
    request.transport.abort()
    return response


async def hangs(_request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    """Run the server on a free port of the loopback."""
    fake = BotApi()
    app = web.Application()
    app.router.add_post("/{bot}/{method}", fake.respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
async def sender(api: BotApi) -> AsyncIterator[Sender]:
    """Make a sender with all the patience that a busy machine needs."""
    async with Sender(TOKEN, api.base, timeout=PATIENCE_S) as made:
        yield made


@pytest.fixture
def silent_port() -> int:
    """Find a port that nobody listens on."""
    return free_port()


async def test_a_message_is_sent_as_it_was_composed(api: BotApi, sender: Sender) -> None:
    """HTML, no link preview, one button with an address; what is not wanted is not sent at all."""
    api.will(sent(message_id=7))
    began = time.monotonic()
    verdict = await sender.send(CHAT, WITH_BUTTON)
    assert verdict.outcome == Delivered(7)
    assert (verdict.status, verdict.phase, verdict.requests) == (200, Phase.ANSWERED, 1)
    assert 0 < verdict.seconds <= time.monotonic() - began
    (call,) = api.calls
    assert json.loads(call.pop("reply_markup")) == {
        "inline_keyboard": [[{"text": "Open", "url": "https://example.org/x"}]]
    }
    assert json.loads(call.pop("link_preview_options")) == {"is_disabled": True}
    assert call == {"method": "sendMessage", "chat_id": "1001", "text": "<b>Hello</b>", "parse_mode": "HTML"}


async def test_a_sensitive_message_in_a_topic_goes_silently_and_paid(api: BotApi) -> None:
    """Protection, topic, silence and paid broadcast reach Telegram when they are asked for."""
    async with Sender(TOKEN, api.base, paid_broadcast=True) as paid:
        api.will(sent())
        await paid.send(CHAT, Message(text="code 1", protect_content=True), thread_id=9, silent=True)
    call = api.calls[0]
    assert call["protect_content"] == "true"
    assert call["message_thread_id"] == "9"
    assert call["disable_notification"] == "true"
    assert call["allow_paid_broadcast"] == "true"


async def test_markup_that_telegram_cannot_parse_goes_as_plain_text(api: BotApi, sender: Sender) -> None:
    """The recipient gets the text at once, in the same attempt, and the verdict tells of it."""
    api.will(refuses(400, "Bad Request: can't parse entities: Unexpected end tag at byte offset 8"), sent(8))
    verdict = await sender.send(CHAT, TEXT)
    assert verdict.outcome == Delivered(8, Reason.MARKUP)
    assert verdict.degraded is Degrade.MARKUP
    assert (verdict.degrade, verdict.requests) == (None, 2)
    assert "parse_mode" not in api.calls[1]
    assert api.calls[1]["text"] == "Hello, world"


async def test_a_text_too_long_goes_shortened(api: BotApi, sender: Sender) -> None:
    """What Telegram finds too long is cut and sent at once."""
    api.will(refuses(400, "Bad Request: message is too long"), sent())
    verdict = await sender.send(CHAT, Message(text="word " * 2000))
    assert (verdict.outcome, verdict.degraded) == (Delivered(7, Reason.BAD_MESSAGE), Degrade.LENGTH)
    assert 0 < len(api.calls[1]["text"]) <= 4096


async def test_a_button_that_telegram_refuses_is_left_out(api: BotApi, sender: Sender) -> None:
    """A wrong button costs the button, not the message."""
    api.will(refuses(400, "Bad Request: BUTTON_URL_INVALID"), sent())
    verdict = await sender.send(CHAT, WITH_BUTTON)
    assert (verdict.outcome, verdict.degraded) == (Delivered(7, Reason.BAD_MESSAGE), Degrade.BUTTON)
    assert "reply_markup" not in api.calls[1]


async def test_a_closed_topic_is_left_for_the_chat_itself(api: BotApi, sender: Sender) -> None:
    """A message whose topic is gone goes into the chat."""
    api.will(refuses(400, "Bad Request: message thread not found"), sent())
    verdict = await sender.send(CHAT, TEXT, thread_id=9)
    assert (verdict.outcome, verdict.degraded) == (Delivered(7, Reason.TOPIC), Degrade.TOPIC)
    assert "message_thread_id" not in api.calls[1]


async def test_a_moved_group_is_followed(api: BotApi, sender: Sender) -> None:
    """The message goes to the new chat at once, and the verdict names it for the link."""
    api.will(refuses(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1001234567890), sent())
    verdict = await sender.send(-55, TEXT)
    assert (verdict.outcome, verdict.migrate_to) == (Delivered(7), -1001234567890)
    assert [call["chat_id"] for call in api.calls] == ["-55", "-1001234567890"]


async def test_one_attempt_sends_once_more_and_never_a_third_time(api: BotApi, sender: Sender) -> None:
    """What is refused again dies with the second answer's reason."""
    api.will(
        refuses(400, "Bad Request: can't parse entities: x"),
        refuses(400, "Bad Request: message is too long"),
        sent(),
    )
    verdict = await sender.send(CHAT, TEXT)
    assert verdict.outcome == Reject(Reason.BAD_MESSAGE)
    assert (verdict.degraded, verdict.requests, len(api.calls)) == (Degrade.MARKUP, 2, 2)


async def test_nothing_is_repeated_that_would_come_out_the_same(api: BotApi, sender: Sender) -> None:
    """A refused button on a message that has none is not sent again."""
    api.will(refuses(400, "Bad Request: BUTTON_URL_INVALID"))
    verdict = await sender.send(CHAT, TEXT)
    assert verdict.outcome == Reject(Reason.BAD_MESSAGE)
    assert len(api.calls) == 1


async def test_a_flood_wait_comes_back_with_its_gate(api: BotApi, sender: Sender) -> None:
    """A 429 snoozes for as long as Telegram says, up to a tenth more, and never for less."""
    api.will(refuses(429, "Too Many Requests: retry after 17", retry_after=17))
    verdict = await sender.send(CHAT, TEXT)
    assert isinstance(verdict.outcome, Snooze)
    assert timedelta(seconds=17) <= verdict.outcome.delay <= timedelta(seconds=18.7)
    assert verdict.gate is not None
    assert verdict.gate.delay == timedelta(seconds=17)


async def test_a_flood_wait_in_the_header_only_is_obeyed(api: BotApi, sender: Sender) -> None:
    """A proxy's 429 page with a `Retry-After` closes the gate for that long."""
    api.will(page(429, **{"Retry-After": "40"}))
    verdict = await sender.send(CHAT, TEXT)
    assert verdict.gate is not None
    assert verdict.gate.delay == timedelta(seconds=40)


@pytest.mark.parametrize(
    "answer", [page(502), refuses(500, "Internal Server Error: restart"), says(503, {"ok": False})]
)
async def test_a_server_in_trouble_is_an_outage(api: BotApi, sender: Sender, answer: Respond) -> None:
    """5xx is a fault that passes, and may be an outage, whether Telegram says it or a proxy."""
    api.will(answer)
    verdict = await sender.send(CHAT, TEXT)
    assert verdict.outcome == Retry(Reason.UNAVAILABLE)
    assert verdict.outage


async def test_a_redirect_is_not_followed(api: BotApi, sender: Sender) -> None:
    """A redirect is somebody in between: the message, and the address with the token, go no further."""
    api.will(page(307, Location=f"{api.base}/elsewhere/sendMessage"), sent())
    verdict = await sender.send(CHAT, TEXT)
    assert (verdict.outage, verdict.status, len(api.calls)) == (True, 307, 1)


async def test_a_success_that_cannot_be_read_is_delivered(api: BotApi, sender: Sender) -> None:
    """A 200 without a readable body has been sent: to send it again would be a duplicate."""
    api.will(page(200), breaks_off)
    for _ in range(2):
        assert (await sender.send(CHAT, TEXT)).outcome == Delivered(None, Reason.UNDECODABLE)


async def test_a_connection_that_breaks_after_the_request_is_unknown(api: BotApi, sender: Sender) -> None:
    """Nobody can say whether it arrived; it is not sent again by the sender."""
    api.will(hangs_up)
    verdict = await sender.send(CHAT, TEXT)
    assert verdict.outcome == Unknown(Reason.LOST_ANSWER)
    assert (verdict.phase, verdict.status, len(api.calls)) == (Phase.SENT, None, 1)


async def test_an_answer_that_does_not_come_in_time_is_unknown(api: BotApi) -> None:
    """A timeout after the request has left is no failure that may be repeated."""
    api.will(hangs)
    began = time.monotonic()
    # time enough, on a busy machine too, for the request to leave
    async with Sender(TOKEN, api.base, timeout=5) as hasty:
        verdict = await hasty.send(CHAT, TEXT)
    assert verdict.outcome == Unknown(Reason.LOST_ANSWER)
    assert verdict.phase is Phase.SENT
    assert 5 <= verdict.seconds <= time.monotonic() - began


async def test_a_refused_connection_has_sent_nothing(silent_port: int) -> None:
    """Without a connection it is an outage, and surely not delivered."""
    async with Sender(TOKEN, f"http://127.0.0.1:{silent_port}") as sender:
        verdict = await sender.send(CHAT, TEXT)
    assert verdict.outcome == Retry(Reason.UNAVAILABLE)
    assert (verdict.phase, verdict.outage) == (Phase.CONNECTING, True)


async def test_a_failed_tls_handshake_has_sent_nothing(api: BotApi) -> None:
    """A server that speaks no TLS has not seen the message."""
    async with Sender(TOKEN, api.base.replace("http:", "https:")) as sender:
        assert (await sender.send(CHAT, TEXT)).phase is Phase.CONNECTING
    assert api.calls == []


async def test_a_timeout_while_connecting_has_sent_nothing() -> None:
    """A handshake that hangs until the timeout is told apart from an answer that does not come."""
    over = asyncio.Event()

    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        base = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Sender(TOKEN, base, timeout=0.4) as sender:
            verdict = await sender.send(CHAT, TEXT)
        over.set()
    assert (verdict.phase, verdict.outage) == (Phase.CONNECTING, True)


async def test_no_more_than_the_allowed_requests_are_in_flight(api: BotApi) -> None:
    """Sends wait for each other; a health check does not wait for them."""
    api.will(hangs, hangs)
    me = {"id": 4242, "is_bot": True, "first_name": "Bot", "username": "the_bot"}
    async with Sender(TOKEN, api.base, in_flight=2) as sender:
        sends = [asyncio.create_task(sender.send(CHAT, TEXT)) for _ in range(5)]
        async with asyncio.timeout(PATIENCE_S):
            while len(api.calls) < 2:
                api.asked.clear()
                await api.asked.wait()
        api.will(says(200, {"ok": True, "result": me}))
        assert await sender.get_me() == Me(4242, "the_bot")
        assert [call["method"] for call in api.calls] == ["sendMessage", "sendMessage", "getMe"]
        for task in sends:
            task.cancel()
        await asyncio.gather(*sends, return_exceptions=True)


async def test_get_me_tells_a_wrong_token_from_an_outage(api: BotApi, sender: Sender, silent_port: int) -> None:
    """`doctor` and the health check name the fault in one word."""
    api.will(refuses(401, "Unauthorized"), page(502), says(200, {"ok": True, "result": []}))
    with pytest.raises(BotRefusedError) as refused:
        await sender.get_me()
    assert (refused.value.reason, refused.value.status) == (Reason.BOT_REFUSED, 401)
    for _ in range(2):
        with pytest.raises(BotUnavailableError):
            await sender.get_me()
    async with Sender(TOKEN, f"http://127.0.0.1:{silent_port}") as lonely:
        with pytest.raises(BotUnavailableError) as unreached:
            await lonely.get_me()
    assert (unreached.value.reason, unreached.value.status) == (Reason.UNAVAILABLE, None)


async def test_a_malformed_token_is_refused_without_showing_it() -> None:
    """A token with a blank in it ends the start with a line that does not repeat it."""
    malformed = TOKEN.replace(":", " ")
    with pytest.raises(BadTokenError) as error:
        Sender(malformed)
    assert "very-secret" not in whole_story(error.value)


async def test_requests_are_counted_by_method_and_status(api: BotApi, silent_port: int) -> None:
    """Each request counts once, also the second one of an attempt and one that was never sent."""
    metrics = Metrics(CollectorRegistry())
    api.will(refuses(400, "Bad Request: can't parse entities: x"), sent())
    for base in (api.base, f"http://127.0.0.1:{silent_port}"):
        async with Sender(TOKEN, base, metrics=metrics) as sender:
            await sender.send(CHAT, TEXT)

    def count(status: str) -> float | None:
        labels = {"method": "sendMessage", "status": status}
        return metrics.registry.get_sample_value("vestnik_telegram_requests_total", labels)

    assert [count("400"), count("200"), count("not_sent")] == [1, 1, 1]
    assert metrics.registry.get_sample_value("vestnik_telegram_request_seconds_count") == 3


def whole_story(error: BaseException | None) -> str:
    """Write out all that a log could show of an error: text, repr, arguments, attributes and causes."""
    seen, link = "".join(traceback.format_exception(error)), error
    while link is not None:
        seen += f"{link!r} {link.args} {vars(link)}"
        link = link.__cause__ or link.__context__
    return seen


@pytest.mark.parametrize("answer", [page(502), page(200), hangs_up, hangs, refuses(401, "Unauthorized")])
async def test_the_token_gets_out_nowhere(
    api: BotApi, answer: Respond, caplog: pytest.LogCaptureFixture, silent_port: int
) -> None:
    """No error, no verdict and no log line holds the token or the URL that contains it."""
    caplog.set_level(logging.DEBUG, logger="")
    caplog.set_level(logging.CRITICAL, logger="aiohttp.access")  # the test server's own
    api.will(answer, answer, answer)
    told = ""
    for base in (api.base, f"http://127.0.0.1:{silent_port}"):
        session = BotApiSession(base, timeout=0.2, connections=1)
        with pytest.raises(AnswerError) as raised:
            await Bot(TOKEN, session=session)(GetMe())
        await session.close()
        async with Sender(TOKEN, base, timeout=0.2) as sender:
            told += repr(await sender.send(CHAT, TEXT)) + repr(sender)
            with pytest.raises((BotRefusedError, BotUnavailableError)) as fault:
                await sender.get_me()
        told += whole_story(raised.value) + whole_story(fault.value)
    assert "very-secret-token" not in told + caplog.text


async def test_a_forbidden_chat_is_tried_again_later(api: BotApi, sender: Sender) -> None:
    """An unnamed 403 may pass by itself: the delivery comes again and the link stays."""
    api.will(refuses(403, "Forbidden: bot can't send messages to the user"))
    assert (await sender.send(CHAT, TEXT)).outcome == Retry(Reason.FORBIDDEN, timedelta(minutes=1))
