"""Brings a bot's updates to its webhook: in order within a lane, again and again until they are taken."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from telegram.simulator.answer import Answer
from telegram.simulator.arguments import Arguments, UnreadableError, read_arguments
from telegram.simulator.refusal import RefusedError
from telegram.simulator.update import Update, UpdateKind, UpdateQueue
from telegram.simulator.webhook import Webhook

Perform = Callable[[str, Arguments], Awaitable[Answer]]
"""Makes a call as the bot."""

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  the header's name
ANSWER_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_RETRY_AFTER_SECONDS = 3600
CONNECT_AGAIN_SECONDS = 2.0
"""Who cannot be connected to is tried again this often: no update was on its way, so none waits longer for it."""
NOT_EXECUTED = frozenset({"deletewebhook", "setwebhook", "close", "logout"})
"""Methods that a webhook's answer cannot call; nor those that begin with get."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an update was not taken."""

    text: str
    sent: bool = True
    """False: there was no connection."""
    retry_after: int = 0

    def pause(self, failures: int) -> float:
        """Give the seconds until the next attempt: at once after the first failure, then growing."""
        if not self.sent:
            return CONNECT_AGAIN_SECONDS
        if self.retry_after:
            return min(self.retry_after, LONGEST_RETRY_AFTER_SECONDS)
        return 0.0 if failures <= 1 else min(2.0 ** (failures - 1), LONGEST_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What the webhook answered when it took an update: perhaps a call."""

    content_type: str
    content: bytes


class Courier:
    """What works for one webhook until it is stopped."""

    def __init__(self, webhook: Webhook, updates: UpdateQueue, perform: Perform) -> None:
        self._webhook = webhook
        self._updates = updates
        self._perform = perform
        self._news = asyncio.Event()
        self._news.set()
        self._lanes: set[tuple[UpdateKind, int]] = set()
        self._connections = asyncio.Semaphore(webhook.max_connections)
        self._calls: set[asyncio.Task[None]] = set()
        self._work = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Tell that there is a new update."""
        self._news.set()

    def cancel(self) -> None:
        """End what is under way; what was not taken stays in the queue."""
        self._work.cancel()

    async def stop(self) -> None:
        """End what is under way, and wait until it has."""
        self.cancel()
        await asyncio.wait({self._work})

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as lanes:
            while True:
                await self._news.wait()
                self._news.clear()
                for lane in {update.lane for update in self._updates.pending(time.time())} - self._lanes:
                    self._lanes.add(lane)
                    lanes.create_task(self._empty(lane, http))

    async def _empty(self, lane: tuple[UpdateKind, int], http: aiohttp.ClientSession) -> None:
        failures = 0
        while update := self._first(lane):
            async with self._connections:
                outcome = await self._bring(update, http)
            if isinstance(outcome, _Taken):
                failures = 0
                self._updates.forget(update.update_id)
                self._begin(outcome)
                continue
            failures += outcome.sent
            self._webhook.note_error(outcome.text, time.time())
            await asyncio.sleep(outcome.pause(failures))
        self._lanes.discard(lane)

    def _first(self, lane: tuple[UpdateKind, int]) -> Update | None:
        return next((each for each in self._updates.pending(time.time()) if each.lane == lane), None)

    async def _bring(self, update: Update, http: aiohttp.ClientSession) -> "_Failure | _Taken":
        """Post one update."""
        headers = {"Content-Type": "application/json"}
        if self._webhook.secret_token:
            headers[SECRET_HEADER] = self._webhook.secret_token
        body = json.dumps(update.as_json(), separators=(",", ":")).encode()
        try:
            async with http.post(self._webhook.address, data=body, headers=headers, allow_redirects=False) as answer:
                if not 200 <= answer.status <= 299:
                    return _wrong_answer(answer)
                return _Taken(answer.headers.get("Content-Type", ""), await answer.read())
        except aiohttp.ClientConnectorError as error:
            return _Failure(_connect_fault(error), sent=False)
        except TimeoutError:
            return _Failure("Read timeout expired")
        except aiohttp.ClientError:
            return _Failure("Connection closed")

    def _begin(self, taken: "_Taken") -> None:
        """Make the call that the webhook's answer asks for: the update is taken already, and nobody waits for this."""
        call = asyncio.create_task(self._execute(taken))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _execute(self, taken: "_Taken") -> None:
        try:
            arguments = read_arguments(b"", taken.content_type, taken.content)
        except (RefusedError, UnreadableError):
            return
        method = arguments.pop("method", "")
        name = method.lower()
        if name and name not in NOT_EXECUTED and not name.startswith("get"):
            await self._perform(method, arguments)


def _wrong_answer(answer: aiohttp.ClientResponse) -> _Failure:
    retry_after = answer.headers.get("Retry-After", "")
    text = f"Wrong response from the webhook: {answer.status} {answer.reason or ''}".rstrip()
    return _Failure(text, retry_after=int(retry_after) if retry_after.isdigit() else 0)


def _connect_fault(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "Failed to resolve host: Name or service not known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "SSL error {certificate verify failed}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "SSL error {can't establish a connection}"
    return os.strerror(error.errno) if error.errno else "Connection closed"
