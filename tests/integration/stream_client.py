"""A client of the live stream: what arrives, event by event, as a browser would take it; and what makes it arrive."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from inapp.signal import Signal
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.integration.api_stage import ApiStage
from tests.integration.stage import PATIENCE_S, TYPE, payload

ROUTES = Routing({TYPE: Route(TYPE, "payouts", frozenset(Channel))})
PATH = "/api/notifications/stream"


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a stream."""

    id: str
    kind: str
    data: Mapping[str, Any]

    @property
    def counter(self) -> tuple[int, int]:
        """Give version and unread counter."""
        return self.data["version"], self.data["unread"]

    @property
    def links(self) -> list[str]:
        """Give the links of the notifications, newest first: they tell which events these are of."""
        return [one["link"] for one in self.data["notifications"]]


@dataclass(slots=True)
class StreamClient:
    """Reads one stream."""

    answer: aiohttp.ClientResponse
    heartbeats: int = 0
    """Comments that have come."""
    last_id: str | None = None
    """What a browser would come back with."""
    retry_ms: int | None = None
    _lines: dict[str, str] = field(default_factory=dict)

    async def told(self) -> Told:
        """Wait for the next event."""
        event = await self._next()
        assert event is not None, "the stream has ended"
        return event

    async def until_version(self, version: int) -> list[Told]:
        """Wait until a version is told; return the events up to it."""
        events = [await self.told()]
        while events[-1].data["version"] < version:
            events.append(await self.told())
        return events

    async def beats(self, count: int) -> None:
        """Wait for so many heartbeats; an event fails the test."""
        async with asyncio.timeout(PATIENCE_S):
            while self.heartbeats < count:
                assert await self._read() is None

    async def ended(self) -> list[Told]:
        """Wait until the server has ended the stream in order; return the events until then."""
        events = []
        while event := await self._next():
            events.append(event)
        return events

    async def _next(self) -> Told | None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.answer.content.at_eof():
                event = await self._read()
                if event is not None:
                    return event
        return None

    async def _read(self) -> Told | None:
        """Read one line; return the event that it ends."""
        line = (await self.answer.content.readline()).decode().rstrip("\n")
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            self.heartbeats += 1
        elif line:
            self._lines[name] = value
        elif "data" in self._lines:
            fields, self._lines = self._lines, {}
            self.last_id = fields["id"]
            self.retry_ms = int(fields.get("retry", self.retry_ms or 0)) or None
            return Told(fields["id"], fields["event"], json.loads(fields["data"]))
        return None


@asynccontextmanager
async def streaming(
    api: ApiStage, who: str | None = None, since: object = None, *, token: str | None = None
) -> AsyncIterator[StreamClient]:
    """Hold a stream of one recipient open for as long as the block lasts."""
    async with following(api.session, api.url, api.authorization(who, token), since) as client:
        yield client


@asynccontextmanager
async def following(
    session: aiohttp.ClientSession, url: str, authorization: Mapping[str, str], since: object = None
) -> AsyncIterator[StreamClient]:
    """Hold a stream of any API open for as long as the block lasts."""
    headers = {**authorization, **({} if since is None else {"Last-Event-ID": str(since)})}
    async with session.get(f"{url}{PATH}", headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        assert answer.status == 200, await answer.text()
        yield StreamClient(answer)


async def relayed(conn: Connection, signal: Signal | None, number: int, *recipients: str) -> None:
    """Emit an event, relay it and send the signal, as a worker does; without a signal, as one that cannot."""
    await event.emit(conn, TYPE, recipients, payload(number))
    named: set[str] = set()
    while not named:
        batch = await fan_out.step(conn, ROUTES)
        assert batch is not None
        named.update(batch.recipients)
    if signal is not None:
        signal.send(named)
