"""The live stream of one inbox, as server-sent events."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.sse import format_sse_event
from pydantic import Field
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from inapp.api.access import NEEDS_SESSION, SignedIn, World
from inapp.api.envelope import Model, responses
from inapp.api.error import ApiError, Code
from inapp.api.notifications import Shown
from inapp.open_stream import NOW, OpenStream
from inapp.stream_hub import MOST_STREAMS, Hub

router = APIRouter(prefix="/api/notifications", tags=["notifications"])

KIND = "inbox"
"""The one kind of event."""
RETRY_MS = 2_000
"""When a browser comes back after a stream has ended."""
FULL_FOR_S = 60
HEARTBEAT = b": \n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Nothing in between may keep events back."""
LAST_WITHIN_S = 1.0
"""How long the last word may take; a client that takes nothing does without it."""
EVENTS: dict[str, Any] = {
    "description": "Server-sent events until the client goes, the token expires or the server stops.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
LONGEST_ID = 18
"""Digits of a version that fits where versions are kept."""


class InboxEvent(Model):
    """What has happened in an inbox since the event before, with its counter and version of the same moment."""

    version: int
    unread: int
    complete: bool = Field(description="False: more has changed than is told here, so load the list anew.")
    notifications: list[Shown] = Field(description="What came or was read, newest first.")


class InboxStream(StreamingResponse):
    """Answers with events until the client goes, the token expires, the person is forgotten or the server stops.

    The framework's own way of streaming keeps three tasks and two buffers for each; this one has two tasks and none.
    """

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, stream: OpenStream, *, resumes: bool) -> None:
        super().__init__((), headers=HEADERS)
        self._hub, self._stream = hub, stream
        self._resumes = resumes
        """The client has a list, and is to know what it lacks."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Tell first what the counter is, and then what happens."""
        stream = self._stream
        with self._hub.joined(stream):
            async with stream:
                gone = asyncio.create_task(_until_gone(receive))
                gone.add_done_callback(lambda _: stream.end())
                try:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    await self._tell(send)
                finally:
                    gone.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WITHIN_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        while True:
            words: bytes | None = HEARTBEAT
            if await self._stream.wait(self._hub.heartbeat_s):
                words = await self._event() if self._stream.behind else None
            if words:
                await send({"type": "http.response.body", "body": words, "more_body": True})

    async def _event(self) -> bytes | None:
        """Make the event that tells everything until now; None while PostgreSQL is away: the next look wakes again."""
        stream, first = self._stream, not self._stream.told
        news = await self._hub.gathering.ask(stream.recipient, stream.since)
        if news is None:
            return None
        found = news.changes
        if stream.session.is_from_before(news.forgotten_at) or (stream.told and found.version < stream.since):
            stream.end()
            return None
        stream.tell(found.version)
        event = InboxEvent(
            version=found.version,
            unread=found.unread,
            complete=found.complete or (first and not self._resumes),
            notifications=[Shown.of(one) for one in found.notifications],
        )
        return format_sse_event(
            data_str=event.model_dump_json(),
            event=KIND,
            id=str(event.version),
            retry=RETRY_MS if first else None,
        )


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get(
    "/stream",
    # with the stream's own class the OpenAPI document would say that refusals are events too
    response_class=Response,
    responses={**responses(*NEEDS_SESSION), 200: EVENTS},
    summary="Follow the inbox live",
)
async def follow(
    session: SignedIn,
    world: World,
    last_event_id: Annotated[
        str | None, Header(description="Version that the client has: what came or was read since is told first.")
    ] = None,
) -> InboxStream:
    """Tell the counter at once, and then each change: events `inbox` whose `id` is the inbox's version."""
    if world.hub.closed:
        raise ApiError(Code.UNAVAILABLE, "the server is stopping", retry_after=1)
    if world.hub.is_full(session.recipient):
        raise ApiError(Code.RATE_LIMITED, f"there are {MOST_STREAMS} open streams already", retry_after=FULL_FOR_S)
    stream = OpenStream(session, _version(last_event_id or ""))
    return InboxStream(world.hub, stream, resumes=bool(last_event_id))


def _version(text: str) -> int:
    """Read which version a client has; what is no version is taken as if it had none that can be told about."""
    plain = text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID
    return int(text) if plain else NOW
