import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientResponse, ClientSession
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp

from health import (
    BindError,
    Check,
    CheckName,
    Health,
    Metrics,
    ServeError,
    Status,
    build_app,
    listen,
    port_of,
    serve,
)

Get = Callable[[str], Any]


@pytest.fixture
def health() -> Health:
    """Give a process whose checks have all passed."""
    health = Health("worker", "worker-1")
    for name in CheckName:
        health.record(name, Check(Status.OK, "answered", 0.5))
    return health


@asynccontextmanager
async def serving(app: ASGIApp, bind: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve an application during the block and end by order, within 10 s."""
    stop = asyncio.Event()
    listener = listen(bind)
    host = "[::1]" if listener.family is socket.AF_INET6 else "127.0.0.1"
    task = asyncio.create_task(serve(app, listener, stop))
    try:
        yield f"http://{host}:{port_of(listener)}"
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def fetch(url: str) -> tuple[ClientResponse, bytes]:
    """Get a page."""
    async with ClientSession() as session, session.get(url) as response:
        return response, await response.read()


async def test_the_probes_answer_status_and_checks(health: Health) -> None:
    """Both probes answer the status and the checks, without the envelope."""
    passed = {"status": "ok", "detail": "answered", "latency_ms": 0.5}
    expected = {
        "status": "ok",
        "checks": {"postgres": passed, "redis": passed, "telegram": passed, "relay": passed},
    }
    async with serving(build_app(health, CollectorRegistry())) as base, ClientSession() as session:
        for page in ("/api/health", "/api/health/ready"):
            async with session.get(base + page) as response:
                assert response.status == 200
                assert response.headers["Cache-Control"] == "no-store"
                assert await response.json() == expected


@pytest.mark.parametrize(("status", "ready"), [(Status.OK, 200), (Status.DEGRADED, 200), (Status.UNHEALTHY, 503)])
async def test_an_unhealthy_process_lives_but_is_not_ready(health: Health, status: Status, ready: int) -> None:
    """Liveness is 200 whatever the checks say; readiness is 503 while the process is unhealthy."""
    health.record(CheckName.POSTGRES, Check(status))
    async with serving(build_app(health, CollectorRegistry())) as base:
        live, body = await fetch(f"{base}/api/health")
        assert live.status == 200
        assert f'"status":"{status}"'.encode() in body
        answer, _ = await fetch(f"{base}/api/health/ready")
        assert answer.status == ready


async def test_prometheus_can_scrape(health: Health) -> None:
    """`/metrics` is Prometheus text of the registry that was handed in."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.lease_lost.inc(2)
    metrics.heartbeat_timestamp_seconds.set_function(health.heartbeat_timestamp)
    async with serving(build_app(health, registry)) as base:
        response, body = await fetch(f"{base}/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    values = {s.name: s.value for f in text_string_to_metric_families(body.decode()) for s in f.samples}
    assert values["vestnik_lease_lost_total"] == 2
    assert values["vestnik_heartbeat_timestamp_seconds"] == pytest.approx(health.heartbeat_timestamp())


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/openapi.json", "/"])
async def test_there_is_nothing_else_to_see(health: Health, page: str) -> None:
    """The metrics port shows no documentation and no other page, and does not name the server."""
    async with serving(build_app(health, CollectorRegistry())) as base:
        response, _ = await fetch(base + page)
    assert response.status == 404
    assert "Server" not in response.headers


async def test_it_serves_on_ipv6(health: Health) -> None:
    """An IPv6 host in brackets works as an IPv4 host does."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with serving(build_app(health, CollectorRegistry()), "[::1]:0") as base:
        response, _ = await fetch(f"{base}/api/health")
        assert response.status == 200


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "localhost:0", ":0"])
def test_a_free_port_can_be_asked_for(bind: str) -> None:
    """Port 0 takes a free port and tells which; localhost and no host are reached over IPv4."""
    with listen(bind) as listener, socket.create_connection(("127.0.0.1", port_of(listener)), timeout=5):
        assert port_of(listener) > 0


def test_a_name_with_two_families_is_reached_over_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `localhost` is IPv6 and IPv4, in this order, it is the IPv4 address that is served."""
    tcp = socket.SOCK_STREAM, socket.IPPROTO_TCP, ""
    found = [(socket.AF_INET6, *tcp, ("::1", 0, 0, 0)), (socket.AF_INET, *tcp, ("127.0.0.1", 0))]
    monkeypatch.setattr("health.http.socket.getaddrinfo", lambda *_, **__: found)
    with listen("localhost:0") as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_busy_port_is_named() -> None:
    """A port that something else listens on is refused before anything is served, with the address."""
    with listen("127.0.0.1:0") as first:
        bind = f"127.0.0.1:{port_of(first)}"
        with pytest.raises(BindError) as caught:
            listen(bind)
    assert str(caught.value) == f"cannot listen on {bind}: Address already in use"
    assert caught.value.bind == bind


@pytest.mark.parametrize("bind", ["", "9108", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "::1:9108", ":70000", ":²"])
def test_what_is_no_address_is_refused(bind: str) -> None:
    """A bind without a port, with a wrong one or with bare colons is refused in words."""
    with pytest.raises(BindError, match="write host:port, with an IPv6 host in brackets"):
        listen(bind)


async def test_the_signals_stay_with_the_process(health: Health) -> None:
    """Serving leaves the handlers of SIGTERM and SIGINT as they were."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serving(build_app(health, CollectorRegistry())) as base:
        await fetch(f"{base}/api/health")
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize("how", ["ordered", "cancelled"])
async def test_the_port_is_free_when_serving_has_ended(health: Health, how: str) -> None:
    """After the order to stop, and after a cancellation, connections are closed and the port is free at once."""
    stop, listener = asyncio.Event(), listen("127.0.0.1:0")
    bind = f"127.0.0.1:{port_of(listener)}"
    task = asyncio.create_task(serve(build_app(health, CollectorRegistry()), listener, stop))
    kept, writer = await asyncio.open_connection("127.0.0.1", port_of(listener))
    writer.write(b"GET /api/health HTTP/1.1\r\nHost: vestnik\r\n\r\n")
    assert await kept.readline() == b"HTTP/1.1 200 OK\r\n"
    if how == "ordered":
        stop.set()
    else:
        task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    assert task.cancelled() == (how == "cancelled")
    # To the end: a kept-alive connection is closed too, and not only by its own timeout of 5 s.
    await asyncio.wait_for(kept.read(), 4)
    writer.close()
    with pytest.raises(ClientConnectionError):
        await fetch(f"http://{bind}/api/health")
    listen(bind).close()


async def test_an_open_stream_does_not_hold_the_process() -> None:
    """A stream that never ends by itself is cut when the grace is over."""
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def endless() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        return StreamingResponse(endless())

    stop, listener = asyncio.Event(), listen("127.0.0.1:0")
    task = asyncio.create_task(serve(app, listener, stop, timedelta(seconds=1)))
    url = f"http://127.0.0.1:{port_of(listener)}/stream"
    async with ClientSession() as session, session.get(url) as response:
        assert await response.content.readany() == b"first"
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_an_application_that_does_not_start_is_an_error_not_an_exit() -> None:
    """An application whose own start fails raises, and leaves the process alive."""

    async def broken(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": ""})

    with pytest.raises(ServeError, match="did not start"):
        await serve(broken, listen("127.0.0.1:0"), asyncio.Event())
