"""The probes and the metrics over HTTP, and a server that runs inside the process's own loop."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

import uvicorn
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp

from health.check import Health, Status
from health.error import BindError, ServeError

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

GRACE = timedelta(seconds=5)
"""How long an open request may go on after the order to stop; a live stream never ends by itself."""
TAKEN_WITHIN = timedelta(seconds=60)
"""A client that takes nothing of what was sent for so long is cut off: else it would hold its connection for ever."""
WAITING = 128
"""Connections that may wait to be accepted."""
NO_TELEMETRY: "TelemetryConfig" = {"tracing": False, "metrics": False, "logs": False}
"""For each FastAPI: where OpenTelemetry is set up, its own would tell paths, queries and what exceptions say."""
_FRESH = {"Cache-Control": "no-store"}


def build_app(health: Health, registry: CollectorRegistry) -> FastAPI:
    """Build the application of METRICS_BIND: probes and metrics."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=NO_TELEMETRY)
    app.include_router(probe_router(health))
    app.include_router(metrics_router(registry))
    return app


def probe_router(health: Health) -> APIRouter:
    """Build the probes; they answer without the envelope and without asking who asks."""
    router = APIRouter()

    @router.get("/api/health")
    async def live() -> Response:
        """Answer 200 as long as the loop turns: a restart does not mend a database that is away."""
        return JSONResponse(health.probe(), headers=_FRESH)

    @router.get("/api/health/ready")
    async def ready() -> Response:
        """Answer 503 while work stands still."""
        code = HTTPStatus.SERVICE_UNAVAILABLE if health.status is Status.UNHEALTHY else HTTPStatus.OK
        return JSONResponse(health.probe(), status_code=code, headers=_FRESH)

    return router


def metrics_router(registry: CollectorRegistry) -> APIRouter:
    """Build the page that Prometheus scrapes."""
    router = APIRouter()

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4, headers=_FRESH)

    return router


def listen(bind: str) -> socket.socket:
    """Open the socket of `host:port`, `[::1]:port` or `:port`; port 0 takes a free one, see `port_of`.

    Raises:
        BindError: the text is no address, or something else listens there.

    """
    host, port = _split(bind)
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise BindError(bind, error.strerror or "no such host") from error
    # `localhost` is often both: take the one that a client tries with `127.0.0.1`.
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] is not socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # every connection that it accepts has it from there
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(TAKEN_WITHIN.total_seconds() * 1000))
        listener.bind(address)
        listener.listen(WAITING)
    except OSError as error:
        listener.close()
        raise BindError(bind, error.strerror or "not possible") from error
    return listener


def port_of(listener: socket.socket) -> int:
    """Return the port that a listener has got."""
    return int(listener.getsockname()[1])


def _split(bind: str) -> tuple[str, int]:
    host, colon, port = bind.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    digits = port.isascii() and port.isdigit()
    if not colon or not digits or int(port) > 65535 or (":" in host and not bracketed):
        raise BindError(bind, "write host:port, with an IPv6 host in brackets")
    return host.strip("[]"), int(port)


class _Server(uvicorn.Server):
    """Leave the process's signals alone: they belong to the shell, which sets `stop`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: ASGIApp, listener: socket.socket, stop: asyncio.Event, grace: timedelta = GRACE) -> None:
    """Serve until `stop` is set or the task is cancelled, then let open requests end within `grace`.

    Raises:
        ServeError: the application's own start failed; the log has said why.

    """
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=int(grace.total_seconds()),
        )
    )
    ending = asyncio.create_task(_end(server, stop))
    try:
        await server.serve(sockets=[listener])
    except SystemExit as error:  # uvicorn would end the process over it
        raise ServeError("the HTTP application did not start") from error
    except asyncio.CancelledError:
        if server.started:
            await server.shutdown(sockets=[listener])
        raise
    finally:
        ending.cancel()
        listener.close()


async def _end(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
