"""The request's trace: taken over from the caller; in the log, in the span, and in the events that it emits."""

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from health import Span, Spans, bound
from inapp.api.traffic import known_method
from outbox.event_log.traceparent import Traceparent

HEADER = "traceparent"
UNWATCHED = ("/api/health", "/api/notifications/stream")
"""Probes come every few seconds and mean nothing; a stream is no piece of work, but open for hours."""
FAULT = 500

_current: ContextVar[Traceparent | None] = ContextVar("traceparent", default=None)


def current() -> Traceparent | None:
    """Return where the work for the request that is being answered belongs, if anybody follows it."""
    return _current.get()


class Traces:
    """Give every request its place in its trace."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Traceparent.read(Headers(scope=scope).get(HEADER))
        method = known_method(scope["method"])
        spans = Spans() if scope["path"].startswith(UNWATCHED) else self._spans
        with spans.of(method, "SERVER", {"http.request.method": method}, str(given) if given else None) as span:
            own = Traceparent.read(span.traceparent) or given
            _current.set(own)

            async def send_noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _tell(span, method, scope, message["status"])
                await send(message)

            with bound(trace_id=own.trace_id if own else None):
                await self._app(scope, receive, send_noting)


def _tell(span: Span, method: str, scope: Scope, status: int) -> None:
    """Name the span by the path's pattern: a path itself holds what the caller has written."""
    pattern = getattr(scope.get("route"), "path", None)
    if pattern is not None:
        route = pattern.replace("{", ":").replace("}", "")
        span.rename(f"{method} {route}")
        span.tell({"http.route": route})
    span.tell({"http.response.status_code": status})
    if status >= FAULT:
        span.fail(str(status))
