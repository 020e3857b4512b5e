"""The size of bodies: what is larger than the API takes is refused before it is held in memory."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inapp.api.envelope import refuse
from inapp.api.error import ApiError, Code

LARGEST = 1024 * 1024
"""Bytes."""
TOO_LARGE = f"the body has more than {LARGEST} bytes"


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
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST:
                raise ApiError(Code.PAYLOAD_TOO_LARGE, TOO_LARGE)
            return message

        await self._app(scope, receive_some, send)
