"""The Bot API's port: from an HTTP request to its answer, with the ordered faults in between.

Plain ASGI: this is the path that has to keep up with a paid broadcast.
"""

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from telegram.simulator.answer import Answer, proxy_failure, refused, wordless
from telegram.simulator.arguments import Arguments, UnreadableError, read_arguments, unpacked
from telegram.simulator.connection import abort, drop, gone
from telegram.simulator.fault import Fault, FaultKind
from telegram.simulator.journal import Call
from telegram.simulator.long_poll import Gone
from telegram.simulator.method import METHODS
from telegram.simulator.refusal import RefusedError
from telegram.simulator.request import Request
from telegram.simulator.world import World, named_chat_id

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

NOT_FOUND = RefusedError(404, "Not Found")
METHOD_NOT_FOUND = RefusedError(404, "Not Found: method not found")
UNAUTHORIZED = RefusedError(401, "Unauthorized")
INVALID_TOKEN = RefusedError(401, "Unauthorized: invalid token specified")
MISDIRECTED = RefusedError(421, "Misdirected Request: unallowed token specified")
LONGEST_TOKEN = 80
BOT_IDS = range(1, 2**54)
LONGEST_REQUEST_ID = 128
VERBS = ("GET", "POST")


class BotApi:
    """The ASGI application of the Bot API."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(
        self,
        scope: "Scope",
        receive: "ASGIReceiveCallable",
        send: "ASGISendCallable",
    ) -> None:
        """Answer one call, or drop its connection."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except asyncio.CancelledError:
            # The simulator ends: uvicorn would answer 500, a server that dies answers nothing.
            abort(scope)
            raise
        if answer is None:
            await drop(scope, receive)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers()})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: "HTTPScope", receive: "ASGIReceiveCallable") -> Answer | None:
        body = await _read_body(receive)
        if scope["method"] not in VERBS:
            return wordless(501)
        token, method = _split(scope["path"])
        journal = self._world.journal
        call = Call(time.time(), method, request_id=_request_id(scope))
        journal.note_call()
        decision: str | int | None = None
        try:
            arguments = _arguments(scope, body)
            call.method = method or arguments.get("method", "")
            call.chat_id = named_chat_id(arguments)
            request = self._request(token, arguments, call, partial(gone, receive))
            answer = await self._with_fault(request, receive)
            decision = answer.decision if answer else decision
        except UnreadableError as error:
            answer = wordless(error.status)
            decision = answer.decision
        except RefusedError as error:
            answer = refused(error)
            decision = answer.decision
        finally:
            journal.close(call, decision)
        return answer

    def _request(self, token: str | None, arguments: Arguments, call: Call, client_gone: Gone) -> Request:
        if token is None:
            raise NOT_FOUND
        bot = self._world.bots.get(token)
        if bot is None:
            raise _unknown(token)
        perform = partial(self._perform_inside, token)
        return Request(self._world, bot, arguments, call, self._world.journal, client_gone, perform)

    async def _perform_inside(self, token: str, method: str, arguments: Arguments) -> Answer:
        """Make a call that came as a webhook's answer: it is entered in the journal, and no fault strikes it."""
        journal = self._world.journal
        call = Call(time.time(), method, named_chat_id(arguments))
        journal.note_call()
        try:
            answer = await _perform(self._request(token, arguments, call, _never_gone))
        except RefusedError as error:
            answer = refused(error)
        journal.close(call, answer.decision)
        return answer

    async def _with_fault(self, request: Request, receive: "ASGIReceiveCallable") -> Answer | None:
        fault = self._world.faults.strike(request.call.method, request.call.chat_id)
        if fault is None:
            return await _perform(request)
        request.call.fault = fault.kind
        return await _faulty(fault, request, receive)


async def _faulty(fault: Fault, request: Request, receive: "ASGIReceiveCallable") -> Answer | None:
    """Answer as the fault wants; None drops the connection."""
    match fault.kind:
        case FaultKind.ERROR:
            return refused(fault.refusal())
        case FaultKind.HTML_502:
            return proxy_failure()
        case FaultKind.LATENCY:
            await asyncio.sleep(fault.seconds or 0)
            return await _perform(request)
        case FaultKind.LATE_ANSWER:
            answer = await _perform(request)
            await gone(receive, fault.seconds or 0)
            return answer
        case FaultKind.BAD_JSON:
            return (await _perform(request)).broken()
        case FaultKind.CLOSE_AFTER_DELIVERY:
            await _perform(request)
        case FaultKind.HANG:
            await gone(receive, fault.seconds)
        case FaultKind.CLOSE_BEFORE:
            pass
    return None


async def _never_gone(seconds: float | None) -> None:
    await asyncio.sleep(seconds or 0)


async def _perform(request: Request) -> Answer:
    method = METHODS.get(request.call.method.lower())
    if method is None:
        raise METHOD_NOT_FOUND
    return await method(request)


def _unknown(token: str) -> RefusedError:
    """Tell what is wrong with a token that no bot has."""
    number, colon, _ = token.partition(":")
    if not colon or token.startswith("0") or len(token) > LONGEST_TOKEN:
        return INVALID_TOKEN
    if not (number.isascii() and number.removeprefix("-").isdigit()):
        return MISDIRECTED
    return UNAUTHORIZED if int(number) in BOT_IDS else INVALID_TOKEN


def _split(path: str) -> tuple[str | None, str]:
    """Give token and method; no token when the path is none of the Bot API."""
    start, slash, method = path.removeprefix("/bot").partition("/")
    return (start if path.startswith("/bot") and slash else None), method


def _arguments(scope: "HTTPScope", body: bytes) -> Arguments:
    headers = dict(reversed(list(scope["headers"])))
    body = unpacked(headers.get(b"content-encoding", b""), body)
    return read_arguments(scope["query_string"], headers.get(b"content-type", b"").decode("latin-1"), body)


def _request_id(scope: "HTTPScope") -> str | None:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
    return None if given is None else given.decode("latin-1")[:LONGEST_REQUEST_ID]


async def _read_body(receive: "ASGIReceiveCallable") -> bytes:
    chunks = []
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return b""
        chunks.append(event["body"])
        if not event["more_body"]:
            return b"".join(chunks)
