"""The request's id: taken over from the caller if it is sane, else made; in the answer and in every log line."""

import uuid
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from health import bound
from outbox.event_log.request_header import REQUEST_ID, is_sane

_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """Return the id of the request that is being answered."""
    return _current.get()


class RequestIds:
    """Give every request its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        id_ = given if is_sane(given) else uuid.uuid4().hex
        _current.set(id_)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = id_
            await send(message)

        with bound(request_id=id_):
            await self._app(scope, receive, send_with_id)
