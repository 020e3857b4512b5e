"""`vestnik api` as a process: what it refuses to start with, what it outlives, and how it ends."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest

from health import HealthError, port_of
from health import read as read_health
from outbox.error import MigrationError
from tests.integration.api_stage import SECRETS, api_settings
from tests.integration.bot_stage import through_a_wire
from tests.integration.stage import Stage, Watching, until, until_true
from tests.unit.test_session import HOLDS, signed
from workers.configuration.settings import Settings, SettingsError
from workers.embedded.child_process import process
from workers.embedded.engine import free_port
from workers.serving.api_process import serve_api

JWT_SECRET = SECRETS["INBOX_JWT_SECRET"].split()[0]


@contextmanager
def running_api(stage: Stage, **environment: str) -> Iterator[tuple[Watching, str]]:
    """Run an API for as long as the block lasts; give its address too."""
    log, health, bind = stage.folder / "api.log", stage.folder / "api.json", f"127.0.0.1:{free_port()}"
    own = {**SECRETS, **stage.environment, "INSTANCE": "api", "HEALTH_FILE": str(health), "HTTP_BIND": bind}
    with process(["api"], {**own, **environment}, log) as started:
        yield Watching(started, "api", log, health), f"http://{bind}"


async def fetch(url: str, token: str | None = None, request_id: str = "r") -> tuple[int, Any]:
    """GET a URL; status 0 while nobody listens."""
    headers = {"x-request-id": request_id, **({} if token is None else {"Authorization": f"Bearer {token}"})}
    try:
        async with aiohttp.request("GET", url, headers=headers) as answer:
            return answer.status, await (answer.json() if answer.content_type.endswith("json") else answer.text())
    except aiohttp.ClientConnectionError:
        return 0, None


async def told(url: str, status: int) -> None:
    """Wait until a URL answers so."""

    async def asked() -> bool:
        return (await fetch(url))[0] == status

    await until_true(asked)


async def test_an_outage_of_postgres_from_the_first_moment_on(stage: Stage) -> None:
    """It starts without PostgreSQL, says UNAVAILABLE, works when it comes, loses it again, and ends with 0."""
    token, metrics = signed(HOLDS, JWT_SECRET), f"127.0.0.1:{free_port()}"
    wire, near = through_a_wire(stage.environment["DATABASE_URL"])
    given = {"DATABASE_URL": near, "METRICS_BIND": metrics, "LOG_LEVEL": "debug"}
    with running_api(stage, **given) as (running, url):
        for outage in ("first", "second"):
            await told(f"{url}/api/health/ready", 503)
            assert (await fetch(f"{url}/api/health"))[0] == 200
            status, body = await fetch(f"{url}/api/preferences", token, f"away-{outage}")
            assert (status, body["error"]["code"], body["requestId"]) == (503, "UNAVAILABLE", f"away-{outage}")
            await wire.mend()
            await running.healthy()
            await told(f"{url}/api/health/ready", 200)
            assert (await fetch(f"{url}/api/preferences", token, f"back-{outage}"))[0] == 200
            if outage == "first":
                await wire.cut()
        page = (await fetch(f"http://{metrics}/metrics"))[1]
        assert 'vestnik_http_requests_total{method="GET",status="200"}' in page
        assert (await fetch(f"{url}/metrics"))[0] == 404
        async with aiohttp.request(
            "GET", f"{url}/api/notifications/stream", headers={"Authorization": f"Bearer {token}"}
        ) as stream:
            assert stream.status == 200
            running.process.send_signal(signal.SIGTERM)
            assert await running.ended() == 0
    await wire.cut()
    assert [line["event"] for line in running.lines("api_stopped")] == ["api_stopped"]
    assert {line["request_id"] for line in running.lines("request_unavailable")} == {"away-first", "away-second"}
    answered = {line["request_id"]: line["status"] for line in running.lines("request_answered")}
    assert answered.items() >= {"away-first": 503, "back-first": 200, "away-second": 503, "back-second": 200}.items()


async def test_a_schema_that_is_behind_when_postgres_comes_back(stage: Stage) -> None:
    """It is refused then, in one line, as it would have been at the start."""
    await stage.conn.execute("delete from outbox.migration where number > 8")
    wire, near = through_a_wire(stage.environment["DATABASE_URL"])
    with running_api(stage, DATABASE_URL=near) as (running, url):
        await told(f"{url}/api/health", 200)
        await wire.mend()
        assert await running.ended() == 1
    await wire.cut()
    last = running.log.read_text().splitlines()[-1]
    assert last.startswith("vestnik: the schema lacks 0009_api")


async def test_without_redis_it_goes_on(stage: Stage) -> None:
    """Redis is needed for speed alone: the process is degraded, and ready."""
    redis = f"redis://127.0.0.1:{free_port()}"
    with running_api(stage, REDIS_URL=redis) as (running, url):
        await until(lambda: read_health(running.health).exit_code == 1)
        status, body = await fetch(f"{url}/api/health/ready")
        assert (status, body["status"]) == (200, "degraded")
        assert body["checks"]["redis"] == {"status": "degraded", "detail": "out of reach", "latency_ms": None}
        assert (await fetch(f"{url}/api/preferences", signed(HOLDS, JWT_SECRET)))[0] == 200


async def refusal(settings: dict[str, str], fault: type[Exception]) -> str:
    """Tell why an API does not begin."""
    given: dict[str, Any] = {name.lower(): value for name, value in settings.items()}
    with pytest.raises(fault) as caught:
        await asyncio.wait_for(serve_api(Settings(**given)), 60)
    return str(caught.value)


async def test_what_it_refuses_to_begin_with(database_url: str, redis_url: str) -> None:
    """A secret that is missing or empty, and a missing address are each named."""
    complete = {**SECRETS, **api_settings(database_url, redis_url)}
    for name in ("INBOX_JWT_SECRET", "OUTBOX_CONSUMER_SECRET", "DATABASE_URL", "REDIS_URL"):
        lacking = {key: value for key, value in complete.items() if key != name}
        assert (await refusal(lacking, SettingsError)).startswith(f"{name} is not set")
    blank = {**complete, "INBOX_JWT_SECRET": " \n "}
    assert await refusal(blank, SettingsError) == "INBOX_JWT_SECRET is malformed: it holds nothing but space"


async def test_a_database_that_it_refuses(empty_database_url: str, redis_url: str) -> None:
    """One without our schema."""
    settings = {**SECRETS, **api_settings(empty_database_url, redis_url)}
    assert "vestnik migrate" in await refusal(settings, MigrationError)


async def test_a_port_that_is_taken(database_url: str, redis_url: str) -> None:
    """It is named, with what is the matter with it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{port_of(taken)}"
        settings = {**SECRETS, **api_settings(database_url, redis_url), "HTTP_BIND": bind}
        assert await refusal(settings, HealthError) == f"cannot listen on {bind}: Address already in use"


async def test_a_refusal_is_one_line(stage: Stage) -> None:
    """The command ends with 1 and says which setting it was."""
    refused = await asyncio.to_thread(stage.run, "api", **{**SECRETS, "INBOX_ORIGINS": "app.example"})
    assert refused.code == 1
    assert refused.complaint == (
        "INBOX_ORIGINS is malformed: it must be origins with commas between them, each like https://app.example"
    )
