"""The size of bodies: what is larger than the API takes is refused before it is held in memory."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inapp.api.envelope import refuse
from inapp.api.error import Code

LARGEST = 1024 * 1024
"""Bytes."""
TOO_LARGE = f"the body has more than {LARGEST} bytes"


class _TooLargeError(Exception):
    """Ends the reading of a body."""


class _Counted:
    """A body as it is read, and the way out: nothing is said to a body that has turned out too large."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._read = 0
        self._begun = False

    @property
    def refused(self) -> bool:
        return self._read > LARGEST and not self._begun

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > LARGEST:
            raise _TooLargeError
        return message

    async def send(self, message: Message) -> None:
        # the framework takes the error for a body that cannot be read, and says so
        if not self.refused:
            self._begun = True
            await self._send(message)


class BodyLimit:
    """Refuse bodies over `LARGEST`, whether they say so or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose body is small enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > LARGEST:
            await refuse(Code.PAYLOAD_TOO_LARGE, TOO_LARGE)(scope, receive, send)
            return
        body = _Counted(receive, send)
        try:
            await self._app(scope, body.receive, body.send)
        except _TooLargeError:
            if not body.refused:
                raise
        if body.refused:
            await refuse(Code.PAYLOAD_TOO_LARGE, TOO_LARGE)(scope, receive, send)
