"""Live streams: memory and time of one API process with 5,000 of them, and from a commit to its event when idle."""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import cast

import uvloop

from health import read as read_health
from inapp.session import Tokens
from outbox.database.connection import Connection, connect
from outbox.event_log import event
from outbox.schema import migration
from tests.bench.table import Figure, show
from workers.demo import stage as demo
from workers.embedded.child_process import process

STREAMS = 5_000
OPENING = 50
"""Streams that are being opened at one time."""
EVENTS = 100
TYPE = "application.received"
PAYLOAD = {"job": "UGC", "brand": "Acme & Sons", "from": "Ann", "url": "/jobs/1"}
SECRET = "the-benchmark-signs-its-tokens-with-this"
MARK = b"event: inbox"
PATIENCE_S = 60.0
MB = 1024 * 1024
PAGE = resource.getpagesize()


@dataclass(slots=True)
class Listener(asyncio.Protocol):
    """One client: notes when each event comes, and reads nothing of it."""

    request: bytes
    told: list[float] = field(default_factory=list)
    """Wall-clock seconds of the events so far."""
    _rest: bytes = b""
    _waiting: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        cast("asyncio.Transport", transport).write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count the events."""
        seen = self._rest + data
        self.told += [time.time()] * seen.count(MARK)
        self._rest = seen[-len(MARK) + 1 :]
        self._waiting.set()

    async def until(self, count: int) -> None:
        """Wait until so many events have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.told) < count:
                self._waiting.clear()
                await self._waiting.wait()


@dataclass(frozen=True, slots=True)
class Listeners:
    """Opens streams of one API."""

    port: int
    tokens: Tokens = field(default_factory=lambda: Tokens([SECRET]))

    async def open(self, recipients: Sequence[str]) -> list[Listener]:
        """Open a stream for each, and wait until all of them have begun."""
        few = asyncio.Semaphore(OPENING)

        async def begin(recipient: str) -> Listener:
            async with few:
                return await self._begin(recipient)

        return await asyncio.gather(*map(begin, recipients))

    async def _begin(self, recipient: str) -> Listener:
        token = self.tokens.issue(recipient, timedelta(hours=1))
        head = ("GET /api/notifications/stream HTTP/1.1", "Host: bench", f"Authorization: Bearer {token}")
        listener = Listener("\r\n".join((*head, "", "")).encode())
        await asyncio.get_running_loop().create_connection(lambda: listener, "127.0.0.1", self.port)
        await listener.until(1)
        return listener


@contextmanager
def _running(stage: demo.Stage) -> Iterator[tuple[int, int]]:
    """Run a worker and an API; yield the API's process id and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    healths = [stage.folder / "worker.json", stage.folder / "api.json"]
    api = {"HTTP_BIND": f"127.0.0.1:{port}", "INBOX_JWT_SECRET": SECRET, "OUTBOX_CONSUMER_SECRET": SECRET[::-1]}
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                process(command, {**stage.environment, **own, "HEALTH_FILE": str(health)}, health.with_suffix(".log"))
            )
            for command, own, health in zip((["worker", "--watch"], ["api"]), ({}, api), healths, strict=True)
        ]
        _until_well(healths)
        yield started[1].pid, port


def _rss(pid: int) -> int:
    """Tell the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def _until_well(healths: Sequence[Path]) -> None:
    end = time.monotonic() + PATIENCE_S
    while any(read_health(health).exit_code != 0 for health in healths):
        assert time.monotonic() < end, "worker and API did not start"
        time.sleep(0.1)


def measure(stage: demo.Stage) -> list[Figure]:
    """Measure one stream, and then many."""
    with _running(stage) as (api, port), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(stage, api, Listeners(port)))


async def _measure(stage: demo.Stage, api: int, listeners: Listeners) -> list[Figure]:
    conn = await connect(stage.database_url)
    await migration.migrate(conn)
    alone = await _idle(conn, (await listeners.open(["alone"]))[0])
    empty = _rss(api)
    recipients = [f"u{number}" for number in range(STREAMS)]
    began = time.perf_counter()
    opened = await listeners.open(recipients)
    rate = STREAMS / (time.perf_counter() - began)
    await _broadcast(conn, recipients, opened)
    first, last = await _broadcast(conn, recipients, opened)
    rss = _rss(api)
    await conn.close()
    return [
        Figure("idle: commit to SSE event, p50 / p99", f"{_ms(alone, 50)} / {_ms(alone, 99)} ms", "12 ms / -"),
        Figure(
            f"API process with {STREAMS:,} streams",
            f"{rss / MB:.0f} MB",
            "< 400 MB",
            f"without them {empty / MB:.0f} MB; {rate:,.0f} opened a second",
        ),
        Figure(
            f"broadcast: commit to the last of {STREAMS:,} streams",
            f"{last:.2f} s",
            "< 2 s",
            f"to the first {first:.2f} s",
        ),
    ]


async def _idle(conn: Connection, listener: Listener) -> list[float]:
    """Emit one event after the other, each when the one before has come; return the seconds from commit to event."""
    lags = []
    for number in range(EVENTS):
        await event.emit(conn, TYPE, ["alone"], PAYLOAD)
        committed = time.time()
        await listener.until(number + 2)
        lags.append(listener.told[-1] - committed)
        # long enough for the relay to fall asleep again: it must be woken
        await asyncio.sleep(0.05)
    return lags


async def _broadcast(conn: Connection, recipients: Sequence[str], opened: Sequence[Listener]) -> tuple[float, float]:
    """Emit one event for all; return the seconds from its commit until the first and until the last have got it."""
    wanted = [len(listener.told) + 1 for listener in opened]
    await event.emit(conn, TYPE, recipients, PAYLOAD)
    committed = time.time()
    for listener, count in zip(opened, wanted, strict=True):
        await listener.until(count)
    came = [listener.told[-1] - committed for listener in opened]
    return min(came), max(came)


def _ms(seconds: list[float], percentile: int) -> str:
    return f"{quantiles(seconds, n=100)[percentile - 1] * 1000:.1f}"


def main() -> None:
    """Measure the streams alone."""
    with demo.stage("--no-limits") as stage:
        asyncio.run(_migrate(stage.database_url))
        show(measure(stage))


async def _migrate(url: str) -> None:
    conn = await connect(url)
    await migration.migrate(conn)
    await conn.close()


if __name__ == "__main__":
    main()
