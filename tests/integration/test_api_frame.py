"""The frame around every endpoint of the HTTP API: the envelope, the request's id, sizes, origins, faults."""

import asyncio
import json
from collections.abc import AsyncIterator
from unittest.mock import AsyncMock

import asyncpg
import pytest
from fastapi.exceptions import RequestValidationError
from structlog.testing import capture_logs

from inapp.api.body import LARGEST
from inapp.api.envelope import _in_words
from outbox.link import chat_link
from tests.crash.wire import Wire
from tests.integration.api_stage import ApiStage, api_settings, api_stage
from tests.integration.bot_stage import through_a_wire

OPEN = "/api/telegram/session"
"""An endpoint with a body that asks for no token."""


@pytest.fixture
async def for_pages(database_url: str, redis_url: str) -> AsyncIterator[ApiStage]:
    """Serve an API that pages of two origins may call."""
    origins = "https://app.example, http://localhost:3000"
    async with api_stage({**api_settings(database_url, redis_url), "INBOX_ORIGINS": origins}) as made:
        yield made


async def test_what_does_not_exist_is_not_found(api: ApiStage) -> None:
    """An address that nobody has is NOT_FOUND, whoever asks; a slash too many makes it another address."""
    for path in ("/api/nothing", "/", "/api/preferences/", "/api/notifications/7/%00"):
        reply = await api.get(path, as_="alice")
        assert (reply.status, reply.code) == (404, "NOT_FOUND"), path


async def test_a_method_that_is_not_for_this_address(api: ApiStage) -> None:
    """It is METHOD_NOT_ALLOWED, and `Allow` says which are."""
    reply = await api.delete(OPEN)
    assert (reply.status, reply.code, reply.headers["Allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")
    assert (await api.call("BREW", OPEN)).code == "METHOD_NOT_ALLOWED"
    assert api.count("http_requests_total", method="other", status="405") == 1
    assert api.count("http_requests_total", method="DELETE", status="405") == 1


UNUSABLE = {
    b"": "body: Field required",
    b"{": "1: JSON decode error",
    b"[]": "body: Input should be a valid dictionary",
    b"{}": "initData: Field required",
    b'{"initData": 7}': "initData: Input should be a valid string",
    b'{"initData": "\\ud800"}': "initData: Input should be a valid string",
    b'{"initData": "\xff"}': "There was an error parsing the body",
    b"[" * 100_000: "There was an error parsing the body",
    b"9" * 10_000: "There was an error parsing the body",
}


async def test_a_body_that_cannot_be_used(api: ApiStage) -> None:
    """It is a VALIDATION_ERROR that names the field, and nothing of what was sent."""
    for body, says in UNUSABLE.items():
        reply = await api.post(OPEN, data=body, headers={"Content-Type": "application/json"})
        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
        assert reply.message.startswith(says)


def test_a_field_that_the_caller_has_invented() -> None:
    """Its name is cut, and half of a character in it spoils no answer."""
    fault = RequestValidationError([{"loc": ("body", "\ud800" + "x" * 10**6), "msg": "Extra inputs are not permitted"}])
    assert _in_words(fault) == f"?{'x' * 99}: Extra inputs are not permitted"


async def test_a_sane_request_id_is_taken_over(api: ApiStage) -> None:
    """Up to 128 letters, digits, dots, dashes and underscores."""
    for given in ("a", "req-7_A.b", "x" * 128):
        assert (await api.get("/api/nothing", headers={"x-request-id": given})).headers["x-request-id"] == given


async def test_any_other_request_id_is_replaced(api: ApiStage) -> None:
    """Whoever sends none, or one that could be anything, gets a new one."""
    made = set()
    for given in ("", "", "x" * 129, "a b", "a:b", "ä", '{"a":1}'):
        made.add((await api.get("/api/nothing", headers={"x-request-id": given})).headers["x-request-id"])
    assert len(made) == 7
    assert {len(id_) for id_ in made} == {32}


async def test_every_refusal_has_the_request_id(api: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id is in the header and in the envelope, whoever refuses."""
    monkeypatch.setattr(chat_link, "of_recipient", AsyncMock(side_effect=RuntimeError("nobody's business")))
    named = {"x-request-id": "mine"}
    with capture_logs() as lines:
        refused = [
            await api.get("/api/nothing", headers=named),
            await api.delete(OPEN, headers=named),
            await api.post(OPEN, headers=named),
            await api.post(OPEN, data=b"x" * (LARGEST + 1), headers=named),
            await api.get("/api/preferences", headers=named),
            await api.get("/api/telegram/link", as_="alice", headers=named),
        ]
    assert [reply.status for reply in refused] == [404, 405, 422, 413, 401, 500]
    assert {reply.body["requestId"] for reply in refused} == {"mine"}
    assert {reply.headers["x-request-id"] for reply in refused} == {"mine"}
    assert refused[-1].code == "INTERNAL"
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["request_failed"]
    assert "business" not in refused[-1].message
    assert api.count("http_requests_total", method="GET", status="500") == 1


async def streamed(body: bytes) -> AsyncIterator[bytes]:
    """Send a body in two pieces, without saying how long it is."""
    yield body[: LARGEST - 7]
    yield body[LARGEST - 7 :]


async def test_bodies_of_more_than_a_mebibyte(api: ApiStage) -> None:
    """One byte more is PAYLOAD_TOO_LARGE, whether the length is declared or not; exactly so much is read."""
    within, beyond = b" " * LARGEST, b" " * (LARGEST + 1)
    replies = [
        await api.post(OPEN, data=body, headers={"Content-Type": "application/json"})
        for body in (within, streamed(within), beyond, streamed(beyond))
    ]
    assert [(reply.status, reply.code) for reply in replies] == [
        *[(422, "VALIDATION_ERROR")] * 2,
        *[(413, "PAYLOAD_TOO_LARGE")] * 2,
    ]


async def test_a_body_without_an_end_is_not_kept(api: ApiStage) -> None:
    """The refusal comes as soon as there is too much, not when all of it has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    writer.write(f"POST {OPEN} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    sent, answered = 0, asyncio.create_task(reader.readline())
    # and what is on the way in the sockets' buffers
    while not answered.done() and sent < 64 * LARGEST:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await asyncio.wait([answered, asyncio.create_task(writer.drain())], return_when=asyncio.FIRST_COMPLETED)
        sent += 65536
    assert answered.done()
    assert answered.result().startswith(b"HTTP/1.1 413 ")
    writer.transport.abort()


async def test_a_preflight_of_an_origin_that_may_call(for_pages: ApiStage) -> None:
    """Its page may use the methods and headers of the API."""
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization, content-type"}
    reply = await for_pages.call("OPTIONS", "/api/preferences", headers={"Origin": "https://app.example", **asked})
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "PUT" in reply.headers["Access-Control-Allow-Methods"]
    assert reply.headers["x-request-id"]


async def test_any_other_origin_may_not(for_pages: ApiStage) -> None:
    """Neither its preflight nor its answers are for its page to read."""
    for origin in ("https://evil.example", "https://app.example.evil.example", "null"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        refused = await for_pages.call("OPTIONS", "/api/preferences", headers=asked)
        plain = await for_pages.get("/api/preferences", as_="alice", headers={"Origin": origin})
        assert refused.status == 400
        assert refused.headers["x-request-id"]
        assert "Access-Control-Allow-Origin" not in {**refused.headers, **plain.headers}


async def test_refusals_can_be_read_by_the_page(for_pages: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a 401, a 413 and a 500 name the origin, and show the id and when to come again."""
    monkeypatch.setattr(chat_link, "of_recipient", AsyncMock(side_effect=RuntimeError))
    origin = {"Origin": "http://localhost:3000"}
    with capture_logs():
        replies = [
            await for_pages.get("/api/preferences", headers=origin),
            await for_pages.post(OPEN, data=b"x" * (LARGEST + 1), headers=origin),
            await for_pages.get("/api/telegram/link", as_="alice", headers=origin),
        ]
    assert [reply.status for reply in replies] == [401, 413, 500]
    for reply in replies:
        assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        assert reply.headers["Access-Control-Expose-Headers"] == "x-request-id, Retry-After"


async def test_without_origins_no_page_may_call(api: ApiStage) -> None:
    """Nothing is said to an origin unless one is set."""
    reply = await api.get("/api/preferences", as_="alice", headers={"Origin": "https://app.example"})
    assert (reply.status, "Access-Control-Allow-Origin" in reply.headers) == (200, False)


@pytest.fixture
async def wired(database_url: str, redis_url: str) -> AsyncIterator[tuple[ApiStage, Wire]]:
    """Serve an API whose wire to PostgreSQL can be cut."""
    wire, near = through_a_wire(database_url)
    async with wire, api_stage(api_settings(near, redis_url)) as made:
        yield made, wire


async def test_a_database_that_is_away_is_unavailable(wired: tuple[ApiStage, Wire]) -> None:
    """Whoever asks meanwhile is told to come again, and may; nothing stays broken."""
    api, wire = wired
    assert (await api.get("/api/preferences", as_="alice")).status == 200
    await wire.cut()
    reply = await api.get("/api/preferences", as_="alice")
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "UNAVAILABLE", "1")
    assert reply.message == "the database does not answer"
    assert (await api.get("/api/nothing")).status == 404
    await wire.mend()
    assert (await api.get("/api/preferences", as_="alice")).status == 200


UNSTORABLE = (
    asyncpg.CharacterNotInRepertoireError("invalid byte sequence: TEXT"),
    asyncpg.UntranslatableCharacterError("unsupported Unicode escape sequence: TEXT"),
    asyncpg.exceptions._base.DataError("invalid input: TEXT"),
)
"""What PostgreSQL says of a NUL and of half a character, and asyncpg of what it cannot write."""


async def test_a_value_that_cannot_be_stored(api: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the caller's fault, not an outage, and is not quoted."""
    for fault in UNSTORABLE:
        monkeypatch.setattr(chat_link, "of_recipient", AsyncMock(side_effect=fault))
        reply = await api.get("/api/telegram/link", as_="alice")
        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
        assert "TEXT" not in json.dumps(reply.body)
