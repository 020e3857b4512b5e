"""A stage for tests with real processes: the test's database, Valkey, a Bot API, and the `vestnik` command on them."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from health import read as read_health
from outbox.database.connection import Connection
from outbox.event_log import event
from outbox.person import recipient
from outbox.person.recipient import Profile
from telegram.simulator import DEVELOPMENT_TOKEN
from tests.integration.runs import STATES
from workers.embedded.child_process import process

PROJECT = Path(__file__).parents[2]
MARKETPLACE = PROJECT / "examples" / "marketplace"
PATIENCE_S = 180.0
"""How long a fact may take on a machine that is busy with something else: one that is there is not waited for."""

FAST = {"BOT_RATE": "1000", "CHAT_RATE": "1000"}
"""The simulator of the stage has no limits; Telegram's own are another test's subject."""

TYPE = "payout.paid"


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        """Read what it printed as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Read what it has logged."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def told(self) -> list[str]:
        """Name what it has logged."""
        return [line["event"] for line in self.lines]

    @property
    def complaint(self) -> str:
        """Read the one line that it ended with, which is no traceback."""
        assert self.err.count("\n") == 1, self
        assert self.err.startswith("vestnik: "), self
        return self.err.removeprefix("vestnik: ").rstrip("\n")


def lines_of(log: Path, event_name: str | None = None) -> list[dict[str, Any]]:
    """Read the log of a process that runs: all lines, or those that state one fact."""
    # the last one may be half written
    whole, _, _ = log.read_bytes().rpartition(b"\n")
    lines = [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]
    return [line for line in lines if event_name in (None, line["event"])]


@dataclass(frozen=True, slots=True)
class Watching:
    """A worker that watches."""

    process: "subprocess.Popen[str]"
    name: str
    log: Path
    health: Path

    def lines(self, event_name: str | None = None) -> list[dict[str, Any]]:
        """Give the lines of its log, or those that state one fact."""
        return lines_of(self.log, event_name)

    async def healthy(self) -> None:
        """Wait until its health file says that all is well."""
        await until(lambda: read_health(self.health).exit_code == 0)

    async def ended(self) -> int:
        """Wait until it has ended by itself; return its exit code."""
        await until(lambda: self.process.poll() is not None)
        return self.process.wait()


@dataclass(frozen=True, slots=True)
class Stage:
    """Where commands run."""

    environment: Mapping[str, str]
    folder: Path
    control: str
    conn: Connection

    def run(self, *arguments: str, **environment: str | None) -> Finished:
        """Run `python -m workers ARGUMENTS` to its end; None takes a variable away."""
        with self.started(*arguments, **environment) as running:
            out, err = running.communicate(timeout=PATIENCE_S)
        return Finished(running.returncode, out, err)

    @contextmanager
    def started(self, *arguments: str, **environment: str | None) -> Iterator["subprocess.Popen[str]"]:
        """Start `python -m workers ARGUMENTS`; whoever lets it live past the block has it killed."""
        given = {**os.environ, **self.environment, **environment}
        command = [sys.executable, "-m", "workers", *arguments]
        known = {name: value for name, value in given.items() if value is not None}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=known, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True) as running:
            try:
                yield running
            finally:
                running.kill()

    @contextmanager
    def watching(self, name: str = "w1", **environment: str) -> Iterator[Watching]:
        """Run `worker --watch` for as long as the block lasts."""
        log, health = self.folder / f"{name}.log", self.folder / f"{name}.json"
        own = {**self.environment, "INSTANCE": name, "HEALTH_FILE": str(health), **environment}
        with process(["worker", "--watch"], own, log) as started:
            yield Watching(started, name, log, health)

    async def order(self, verb: str, path: str, body: object = None) -> Any:
        """Call the simulator's control API."""
        url = f"{self.control}/control/{path}"
        async with aiohttp.request(verb, url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def people(self, chats: Mapping[str, int]) -> None:
        """Let people link a chat that they have started."""
        await recipient.save(self.conn, [Profile(who, chat_id=chat_id) for who, chat_id in chats.items()])
        await self.order("PUT", "chats", [{"chat_id": chat_id, "state": "started"} for chat_id in chats.values()])

    async def emit(self, number: int, *recipients: str, request_id: str | None = None) -> int:
        """Emit an event whose message can be told by its number."""
        return await event.emit(self.conn, TYPE, recipients, payload(number), request_id=request_id)

    async def arrived(self, chat_id: int) -> list[int]:
        """Tell the numbers of the messages that a chat shows, oldest first."""
        return [_number(message) for message in await self.order("GET", f"chats/{chat_id}/messages")]

    async def states(self) -> dict[str, int]:
        """Count the deliveries by state."""
        return dict(Counter(row["state"] for row in await self.conn.fetch(STATES)))

    async def count_sent(self) -> int:
        """Count the deliveries that are recorded as sent."""
        return (await self.states()).get("sent", 0)

    async def sent(self, count: int) -> None:
        """Wait until so many deliveries are recorded as sent."""

        async def enough() -> bool:
            return await self.count_sent() >= count

        await until_true(enough)


def payload(number: int) -> dict[str, Any]:
    """Make a payload that the sample catalog's `payout.paid` can be rendered with."""
    return {"job": "Ролик", "brand": "Ромашка", "amount": "10.00", "currency": "RUB", "url": f"/jobs/{number}"}


def _number(message: Mapping[str, Any]) -> int:
    url: str = message["reply_markup"]["inline_keyboard"][0][0]["url"]
    return int(url.removeprefix("https://market.example/jobs/"))


def settings(database_url: str, redis_url: str, bot_api: str) -> dict[str, str]:
    """Give the environment of a worker that lacks nothing."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TELEGRAM_BOT_TOKEN": DEVELOPMENT_TOKEN,
        "TELEGRAM_API_BASE": bot_api,
        "CATALOG_DIR": str(MARKETPLACE / "catalog"),
        **FAST,
    }


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact, with a limit."""

    async def ask() -> bool:
        return fact()

    await until_true(ask)


async def until_true(fact: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a fact that has to be asked for, with a limit."""
    async with asyncio.timeout(PATIENCE_S):
        while not await fact():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.02)
