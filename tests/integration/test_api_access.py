"""Who may ask the HTTP API for what."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from outbox.database.connection import Connection
from tests.integration.api_stage import (
    CONSUMER_SECRET,
    OLD_CONSUMER_SECRET,
    OLD_JWT_SECRET,
    ApiStage,
    api_settings,
    api_stage,
)

METHODS = ("get", "post", "put", "delete")
OPEN_TO_ALL = {("post", "/api/telegram/session")}
"""Who comes here has no token yet."""


async def endpoints(api: ApiStage) -> dict[tuple[str, str], str]:
    """Name every endpoint of the OpenAPI document, and who may use it by that."""
    document = await api.session.get(f"{api.url}/api/openapi.json")
    paths = (await document.json())["paths"]
    return {
        (method, path): "".join(name for one in operation.get("security", []) for name in one)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in METHODS
    }


async def test_every_endpoint_says_who_may_use_it(api: ApiStage) -> None:
    """What is for the application begins with /api/outbox, all else is for one person, and one is for nobody yet."""
    found = await endpoints(api)
    assert len(found) > 8
    for (method, path), who in found.items():
        expected = "application" if path.startswith("/api/outbox/") else "endUser"
        assert who == ("" if (method, path) in OPEN_TO_ALL else expected), (method, path)


async def test_no_endpoint_is_open(api: ApiStage) -> None:
    """Without credentials, with foreign ones, and with those of the other kind each of them is UNAUTHORIZED."""
    person, foreign = api.token("alice"), api.token("alice", key="f" * 32)
    for (method, path), who in (await endpoints(api)).items():
        if (method, path) in OPEN_TO_ALL:
            continue
        other = person if who == "application" else CONSUMER_SECRET
        for token in (None, foreign, other, "", "x"):
            reply = await api.call(method.upper(), path.replace("{id}", "7"), token=token)
            assert (reply.status, reply.code) == (401, "UNAUTHORIZED"), (method, path, token)
            assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_an_authorization_of_another_kind(api: ApiStage) -> None:
    """Whatever else stands in the header is UNAUTHORIZED, for people and for the application."""
    for authorization in ("Basic YWxpY2U6eA==", "Bearer", "alice", "Bearer a b", "Bearer \xff"):
        for method, path in (("GET", "/api/preferences"), ("POST", "/api/outbox/pull")):
            reply = await api.call(method, path, headers={"Authorization": authorization}, json={"consumer": "c"})
            assert (reply.status, reply.code) == (401, "UNAUTHORIZED")


async def test_tokens_of_either_secret(api: ApiStage) -> None:
    """While the secret is exchanged, tokens of both open the same inbox."""
    for token in (api.token("alice"), api.token("alice", key=OLD_JWT_SECRET)):
        assert (await api.get("/api/preferences", token=token)).status == 200


async def test_an_expired_token(api: ApiStage) -> None:
    """It is UNAUTHORIZED, in words that the developer can use."""
    reply = await api.get("/api/preferences", token=api.token("alice", exp=datetime.now(UTC) - timedelta(minutes=1)))
    assert (reply.status, reply.code, reply.message) == (401, "UNAUTHORIZED", "the token has expired")


async def test_the_secrets_of_the_application(api: ApiStage) -> None:
    """Each of them, whole and by itself, lets the application in; what it sends is looked at after that."""
    wrong = (CONSUMER_SECRET[:-1], f"{CONSUMER_SECRET}x", f"{CONSUMER_SECRET} {OLD_CONSUMER_SECRET}")
    for secret in (CONSUMER_SECRET, OLD_CONSUMER_SECRET, *wrong):
        reply = await api.post("/api/outbox/pull", token=secret, json={"limit": "many"})
        assert reply.code == ("UNAUTHORIZED" if secret in wrong else "VALIDATION_ERROR")


async def test_a_secret_that_is_not_ascii(database_url: str, redis_url: str) -> None:
    """It is sent as it is written in the settings, in UTF-8."""
    environment = {**api_settings(database_url, redis_url), "OUTBOX_CONSUMER_SECRET": "приложение-приходит-с-этим"}
    async with api_stage(environment) as api:
        reply = await api.post("/api/outbox/pull", token="приложение-приходит-с-этим", json={})
        assert reply.code == "VALIDATION_ERROR"


@pytest.fixture
async def slow(database_url: str, redis_url: str) -> AsyncIterator[ApiStage]:
    """Serve an API that a person may ask 0.3 times a second: 1 at once."""
    async with api_stage({**api_settings(database_url, redis_url), "INBOX_RATE": "0.001"}) as made:
        yield made


async def test_who_asks_too_often(slow: ApiStage) -> None:
    """With whichever token, the person is RATE_LIMITED and told when to come again; nobody else is."""
    assert (await slow.get("/api/preferences", token="x")).status == 401
    assert (await slow.get("/api/preferences", as_="alice")).status == 200
    reply = await slow.get("/api/preferences", token=slow.token("alice", key=OLD_JWT_SECRET))
    assert (reply.status, reply.code) == (429, "RATE_LIMITED")
    assert 900 < int(reply.headers["Retry-After"]) <= 1000
    assert (await slow.get("/api/preferences", as_="bob")).status == 200
    assert (await slow.application("POST", "/api/outbox/pull", json={})).code == "VALIDATION_ERROR"


async def test_a_token_from_before_the_person_was_forgotten(api: ApiStage, conn: Connection) -> None:
    """It is STALE_SESSION everywhere; one from after it opens an empty inbox, and another person's is as it was."""
    old, other = api.token("alice"), api.token("bob")
    await conn.execute("select outbox.forget('alice')")
    for (method, path), who in (await endpoints(api)).items():
        if who == "endUser":
            reply = await api.call(method.upper(), path.replace("{id}", "7"), token=old, json={})
            assert (reply.status, reply.code) == (401, "STALE_SESSION"), (method, path)
    assert (await api.get("/api/preferences", token=api.token("alice", iat=None))).code == "STALE_SESSION"
    later = datetime.now(UTC) + timedelta(seconds=5)
    assert (await api.get("/api/preferences", token=api.token("alice", iat=later))).status == 200
    assert (await api.get("/api/preferences", token=other)).status == 200


async def test_two_who_are_asked_at_once(api: ApiStage) -> None:
    """Requests that are answered side by side each have their own id and their own person."""

    async def ask(number: int) -> str:
        reply = await api.get("/api/preferences", as_=f"user-{number}", headers={"x-request-id": f"r-{number}"})
        assert reply.status == 200
        return str(reply.body["requestId"])

    assert await asyncio.gather(*(ask(number) for number in range(50))) == [f"r-{number}" for number in range(50)]
