"""The trace of an event: from its producer's transaction, or the header of a request, to whoever reads the event."""

import json
from datetime import timedelta

import pytest

from outbox.cursor import consumer
from outbox.cursor.consumer import Start
from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.lane import lane_claim, run
from outbox.proof.event_trace import trace
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from tests.integration.api_stage import ApiStage

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
ROUTES = Routing({"t": Route("t", "c", frozenset({Channel.TELEGRAM}))})
SAY = "select set_config('outbox.traceparent', $1, true)"
STORED = "select traceparent from outbox.event order by id desc limit 1"
PLAIN = "insert into outbox.event (type, recipients) values ('t', '{ann}')"


async def stored(conn: Connection, said: str, statement: str = "select outbox.emit('t', '{ann}')") -> str | None:
    """Emit in a transaction that says its traceparent; tell what stands in the log."""
    async with conn.transaction():
        await conn.execute(SAY, said)
        await conn.execute(statement)
    found: str | None = await conn.fetchval(STORED)
    return found


@pytest.mark.parametrize("statement", ["select outbox.emit('t', '{ann}')", PLAIN], ids=["emit", "insert"])
async def test_the_transaction_says_it(conn: Connection, statement: str) -> None:
    """What the producer's transaction has set is the event's; the next transaction has none."""
    assert await stored(conn, GOOD, statement) == GOOD
    await conn.execute(statement)
    assert await conn.fetchval(STORED) is None


@pytest.mark.parametrize("said", ["", "Anna Ivanova", GOOD.upper(), f"{GOOD}; drop", "é" * 5000])
async def test_a_malformed_one_hinders_no_emit(conn: Connection, said: str) -> None:
    """What cannot be one is not stored, and the event is written all the same."""
    assert await stored(conn, said) is None
    assert await conn.fetchval("select count(*) from outbox.event") == 1


@pytest.mark.parametrize("said", [f"00-{'0' * 32}-{SPAN}-01", "00-00-00-" + "0" * 5000], ids=["zeros", "long"])
async def test_what_only_looks_like_one_is_as_good_as_none(conn: Connection, said: str) -> None:
    """What has the digits of one, and no trace in them, is stored in part at the most and shown to nobody."""
    assert len(await stored(conn, said) or "") <= 64
    (step,) = await trace(conn, str(await conn.fetchval("select id from outbox.event")))
    assert step.trace_id is None


async def test_a_claim_brings_it(conn: Connection) -> None:
    """Whoever delivers has the trace, and so has whoever settles an attempt that nobody ended."""
    await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ('ann', 7)")
    await stored(conn, GOOD)
    await fan_out.step(conn, ROUTES)
    (claimed,) = await lane_claim.claim(conn, Channel.TELEGRAM, 10, lease=timedelta(0))
    (ended,) = await run.take_ended(conn, 10)
    assert (claimed.traceparent, ended.traceparent) == (GOOD, GOOD)
    assert (ended.quiet, ended.urgent) == (None, False)


async def test_a_consumer_is_given_it(conn: Connection) -> None:
    """The document of a pull has the traceparent as the producer gave it."""
    await stored(conn, GOOD)
    handed = await consumer.pull(conn, "search", 10, timedelta(seconds=60), Start.START)
    assert [json.loads(document)["traceparent"] for document in handed.events] == [GOOD]


async def test_a_trace_is_found_by_its_id(conn: Connection) -> None:
    """`trace` finds all events of a distributed trace, and names it on the line of each emit."""
    await stored(conn, GOOD)
    await stored(conn, f"00-{TRACE}-{'1' * 16}-00")
    await event.emit(conn, "t", ["ann"], request_id="r")
    found = await trace(conn, TRACE)
    assert [(step.what, step.trace_id) for step in found] == [("emitted", TRACE)] * 2
    assert await trace(conn, TRACE[:31]) == []
    assert [step.trace_id for step in await trace(conn, "r")] == [None]


@pytest.mark.parametrize(
    ("header", "expected"), [(GOOD, GOOD), (f"{GOOD}-more", None), ("Anna", None), (None, None)], ids=str
)
async def test_a_request_brings_it(api: ApiStage, conn: Connection, header: str | None, expected: str | None) -> None:
    """All events of a request belong to the trace of its header; a malformed header is no fault."""
    events = {"events": [{"type": "t", "recipients": ["ann"]}, {"type": "t", "recipients": ["bob"]}]}
    headers = {} if header is None else {"traceparent": header}
    assert (await api.application("POST", "/api/outbox/events", json=events, headers=headers)).status == 200
    rows = await conn.fetch("select traceparent from outbox.event")
    assert [row["traceparent"] for row in rows] == [expected, expected]
