"""What comes in and goes out: every request is counted, and none ends without an answer in the envelope."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from health import Metrics, get_logger
from inapp.api.envelope import refuse
from inapp.api.error import Code

log = get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Whoever calls may invent others: they would each be a series of its own."""


def known_method(method: str) -> str:
    """Name a request's method."""
    return method if method in METHODS else "other"


class Traffic:
    """Answer for whatever fails, and count what is answered.

    Starlette's own answer to a fault is made outside of all middleware: without the request's id in its header and
    in the log, and without the origin that lets a browser read it.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as fault:
            log.error("request_failed", exc_info=fault)
            # an answer that has begun can only be broken off
            if status:
                raise
            await refuse(Code.INTERNAL, "a fault of the server's; its log has it under this request id")(
                scope, receive, send_noting
            )
        finally:
            self._note(scope["method"], status, time.monotonic() - began)

    def _note(self, method: str, status: int, seconds: float) -> None:
        method = known_method(method)
        # 0: whoever asked has gone before there was an answer
        self._metrics.http_requests.labels(method, str(status)).inc()
        log.debug("request_answered", method=method, status=status, latency_ms=round(seconds * 1000, 1))
