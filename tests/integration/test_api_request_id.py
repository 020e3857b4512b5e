"""One request id, from the HTTP request that emits to the message that arrives."""

import json

import pytest

from telegram import Sender
from telegram.message import Message
from tests.integration.api_stage import api_stage
from tests.integration.stage import TYPE, Stage, payload

ID = "order-17.a_B"
CHAT = 778_899_001_122


async def test_a_request_can_be_followed_everywhere(stage: Stage) -> None:
    """The id of an emit's request is in its answer, the event, the delivery's log, the Bot API call and `trace`."""
    await stage.people({"anna": CHAT})
    event = {"type": TYPE, "recipients": ["anna"], "payload": payload(1)}
    async with api_stage(stage.environment) as api:
        reply = await api.application("POST", "/api/outbox/events", json=event, headers={"x-request-id": ID})
    assert (reply.headers["x-request-id"], reply.body["requestId"]) == (ID, ID)
    row = await stage.conn.fetchrow("select id, request_id from outbox.event")
    assert row is not None
    assert (row["id"], row["request_id"]) == (reply.data["ids"][0], ID)

    log = stage.run("worker", "--once").out
    (sent,) = [line for line in map(json.loads, log.splitlines()) if line["event"] == "delivery_sent"]
    assert (sent["request_id"], sent["event_id"]) == (ID, row["id"])
    calls = [(call["method"], call["request_id"]) for call in await stage.order("GET", "calls")]
    assert [call for call in calls if call[0] == "sendMessage"] == [("sendMessage", ID)]
    steps = stage.run("trace", ID, "--json").facts
    assert {step["event_id"] for step in steps} == {row["id"]}
    assert [step["what"] for step in steps] == ["emitted", "relayed", "notified", "queued", "attempted", "settled"]


@pytest.mark.parametrize("given", [None, "two words", "Заказ", "a\r\nx-injected: 1", "a" * 129])
async def test_what_no_header_can_be_is_not_sent_along(stage: Stage, given: str | None) -> None:
    """A request id that an emit in SQL has made up goes along only where it is one of the API's."""
    await stage.people({"anna": CHAT})
    async with Sender(stage.environment["TELEGRAM_BOT_TOKEN"], stage.environment["TELEGRAM_API_BASE"]) as sender:
        await sender.send(CHAT, Message("hello"), request_id=given)
    (call,) = await stage.order("GET", "calls")
    assert (call["decision"], call["request_id"]) == ("ok", None)


def test_telegram_is_told_no_request_id() -> None:
    """Only a Bot API of one's own, or a simulator, gets to know the application's request ids."""
    assert Sender("1:a")._tells_ids is False
    assert Sender("1:a", "https://API.telegram.org/")._tells_ids is False
    assert Sender("1:a", "http://127.0.0.1:8081")._tells_ids is True
