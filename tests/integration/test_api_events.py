"""Emitting over HTTP: one event or several, all or none, with the keys and ids that the caller gives."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from outbox.database.connection import Connection
from tests.integration.api_stage import ApiStage, Reply

EVENTS = "/api/outbox/events"
ONE = {"type": "t", "recipients": ["ann"]}
LARGE = {"type": "t", "recipients": ["ann"], "payload": {"text": "x" * 80_000}}


async def emit(api: ApiStage, body: object, **headers: str) -> Reply:
    """Emit as the application does."""
    return await api.application("POST", EVENTS, json=body, headers=headers)


async def log_of(conn: Connection) -> list[dict[str, Any]]:
    """List the events of the log in the order of their ids."""
    return [dict(row) for row in await conn.fetch("select * from outbox.event order by id")]


async def test_an_event_is_written_as_it_was_given(api: ApiStage, conn: Connection) -> None:
    """Every field reaches the log, in camel case or in snake case; the answer has the event's id."""
    whole = {
        "type": "payout.paid",
        "recipients": ["ann", "bob"],
        "payload": {"amount": 10.5, "text": "Ромашка 🌼"},
        "dedupeKey": "payout-7",
        "requestId": "req-of-the-event",
        "deliverAt": "2030-01-02T03:04:05+03:00",
        "expiresAt": "2031-01-02T03:04:05Z",
    }
    snake = {"type": "t", "recipients": ["ann"], "dedupe_key": "k", "request_id": "r", "expires_at": whole["expiresAt"]}
    ids = [(await emit(api, given)).data["ids"] for given in (whole, snake)]

    first, second = await log_of(conn)
    assert ids == [[first["id"]], [second["id"]]]
    assert {name: first[name] for name in ("type", "recipients", "payload", "dedupe_key", "request_id")} == {
        "type": "payout.paid",
        "recipients": ["ann", "bob"],
        "payload": {"amount": 10.5, "text": "Ромашка 🌼"},
        "dedupe_key": "payout-7",
        "request_id": "req-of-the-event",
    }
    assert first["deliver_at"] == datetime(2030, 1, 2, 0, 4, 5, tzinfo=UTC)
    assert first["expires_at"] == second["expires_at"] == datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (second["dedupe_key"], second["request_id"], second["deliver_at"]) == ("k", "r", None)


async def test_the_request_id_becomes_the_events(api: ApiStage, conn: Connection) -> None:
    """An event that names no request of its own gets the id of the HTTP request, the caller's or ours."""
    named = await emit(api, ONE, **{"x-request-id": "req-7"})
    made = await emit(api, {"events": [ONE, {**ONE, "requestId": "own"}]})

    assert named.body["requestId"] == "req-7"
    found = [event["request_id"] for event in await log_of(conn)]
    assert found == ["req-7", made.body["requestId"], "own"]


async def test_the_idempotency_key_is_the_dedupe_key(api: ApiStage, conn: Connection) -> None:
    """The same Idempotency-Key again, or the same dedupeKey, gives the same id and writes nothing."""
    headers = {"Idempotency-Key": "pay-7"}
    replies = [
        await emit(api, ONE, **headers),
        await emit(api, ONE, **headers),
        await emit(api, {**ONE, "dedupeKey": "pay-7"}),
        await emit(api, {**ONE, "dedupeKey": "pay-7"}, **headers),
    ]
    (event,) = await log_of(conn)
    assert [reply.data["ids"] for reply in replies] == [[event["id"]]] * 4
    assert event["dedupe_key"] == "pay-7"


async def test_an_idempotency_key_is_for_one_event(api: ApiStage, conn: Connection) -> None:
    """With a list, beside another dedupeKey, or empty, it is refused and nothing is written."""
    several = await emit(api, {"events": [ONE]}, **{"Idempotency-Key": "k"})
    differing = await emit(api, {**ONE, "dedupeKey": "other"}, **{"Idempotency-Key": "k"})
    empty = await emit(api, ONE, **{"Idempotency-Key": ""})

    assert {reply.code for reply in (several, differing, empty)} == {"VALIDATION_ERROR"}
    assert several.message == "Idempotency-Key is for one event: give each of several its dedupeKey"
    assert differing.message == "Idempotency-Key and dedupeKey differ"
    assert await log_of(conn) == []


async def test_five_hundred_events_are_one_transaction(api: ApiStage, conn: Connection) -> None:
    """Five hundred are written in their order by one transaction; a repeated key gives the first one's id."""
    given = [{**ONE, "payload": {"n": n}} for n in range(498)] + [{**ONE, "dedupeKey": "k"}] * 2
    reply = await emit(api, {"events": given})

    log = await log_of(conn)
    assert reply.data["ids"] == [*(event["id"] for event in log), log[-1]["id"]]
    assert [event["payload"].get("n") for event in log] == [*range(498), None]
    assert len({event["xid"] for event in log}) == 1


async def test_one_bad_event_keeps_all_out(api: ApiStage, conn: Connection) -> None:
    """A list with one event that the log refuses is refused whole, and the fault names the event by its index."""
    reply = await emit(api, {"events": [ONE] * 3 + [LARGE] + [ONE]})

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert reply.message == "events[3]: payload has 80012 bytes, at most 65536 are allowed"
    assert await log_of(conn) == []


NESTED: dict[str, Any] = {}
for _ in range(900):
    NESTED = {"a": NESTED}

REFUSED: dict[str, tuple[object, str]] = {
    "nothing": ({}, "type: Field required; recipients: Field required"),
    "a bare list": ([ONE], "body: Input should be a valid dictionary or object"),
    "unknown field": ({**ONE, "dedupKey": "k"}, "dedupKey: Extra inputs are not permitted"),
    "no list": ({**ONE, "recipients": "ann"}, "recipients: Input should be a valid list"),
    "nobody": ({**ONE, "recipients": []}, "no recipients"),
    "an empty recipient": ({**ONE, "recipients": ["ann", ""]}, "a recipient is empty"),
    "long": ({**ONE, "recipients": ["a", "x" * 501]}, "recipients[1]: String should have at most"),
    "a crowd": ({**ONE, "recipients": ["u"] * 10_001}, "10001 recipients, at most 10000 are allowed"),
    "no type": ({**ONE, "type": " "}, "type is null or empty"),
    "no object": ({**ONE, "payload": [1]}, "payload: Input should be a valid dictionary"),
    "NUL": ({**ONE, "payload": {"k": "a\0b"}}, "the event cannot be stored: a text holds a NUL"),
    "NaN": ({**ONE, "payload": {"k": float("nan")}}, "the event cannot be stored"),
    "nested": ({**ONE, "payload": NESTED}, "payload is nested too deep"),
    "a long key": ({**ONE, "dedupeKey": "k" * 501}, "dedupeKey: String should have at most 500"),
    "no zone": ({**ONE, "deliverAt": "2030-01-02T03:04:05"}, "deliverAt: Input should have timezone"),
    "a date": ({**ONE, "deliverAt": "2030-01-02"}, "deliverAt: Value error, write the time"),
    "a number": ({**ONE, "expiresAt": 1893456000}, "expiresAt: Value error, write the time"),
    "digits": ({**ONE, "expiresAt": "1893456000"}, "expiresAt: Value error, write the time"),
    "beyond time": ({**ONE, "expiresAt": "9999-12-31T23:59:59-14:00"}, "expiresAt: Value error, there is no such time"),
    "before time": ({**ONE, "expiresAt": "0001-01-01T00:00:00+14:00"}, "expiresAt: Value error, there is no such time"),
    "none": ({"events": []}, "events: List should have at least 1 item"),
    "501": ({"events": [ONE] * 501}, "events: List should have at most 500 items"),
    "one of a list": ({"events": [ONE, {"type": "t"}]}, "events[1].recipients: Field required"),
    "one and several": ({"events": [ONE], "type": "t"}, "type: Extra inputs are not permitted"),
}


async def test_what_cannot_be_emitted_is_refused_by_name(api: ApiStage, conn: Connection) -> None:
    """What is wrong is a VALIDATION_ERROR that names the field, and writes nothing."""
    for what, (body, says) in REFUSED.items():
        reply = await emit(api, body)
        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR"), what
        assert reply.message.startswith(says), what
    assert await log_of(conn) == []


async def test_only_the_application_may_emit(api: ApiStage, conn: Connection) -> None:
    """Without the secret, with a wrong one or with an end user's token nothing is emitted, pulled or acked."""
    for path in (EVENTS, "/api/outbox/pull", "/api/outbox/ack"):
        for caller in ({}, {"as_": "ann"}, {"token": "guess"}):
            reply = await api.post(path, json=ONE, **caller)
            assert (reply.status, reply.code) == (401, "UNAUTHORIZED")
    assert await log_of(conn) == []


async def test_lists_that_wait_for_each_other_end(api: ApiStage, conn: Connection) -> None:
    """Two lists with the same keys in opposite orders end at once or are told to come again; no key is there twice."""
    keys = [{**ONE, "dedupeKey": f"k{n}"} for n in range(200)]
    replies = await asyncio.gather(*(emit(api, {"events": order}) for order in (keys, keys[::-1])))

    assert {reply.status for reply in replies} <= {200, 503}
    assert any(reply.status == 200 for reply in replies)
    assert {reply.headers.get("Retry-After") for reply in replies if reply.status == 503} <= {"1"}
    assert len(await log_of(conn)) == 200
