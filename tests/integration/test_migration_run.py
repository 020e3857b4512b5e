"""What a database of before runs becomes: nothing that was due, waiting or being sent is lost or sent twice."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Delivered
from outbox.lane import lane_claim, run
from outbox.recording import record
from outbox.schema import migration
from tests.integration.lane_model import FAULTS, LOST, Ending, finish
from tests.integration.runs import lanes, standing, states

BEFORE = 15

# recipient, when the lane is due, when its lease ends, whether something urgent waits; the states of its deliveries
LANES = """
insert into outbox.lane (channel, recipient, due_at, lease_until, token, head_type, urgent) values
  ('telegram', 'due', now() - interval '1 minute', null, 3, 'news', false),
  ('telegram', 'urgent', now(), null, 0, 'news', true),
  ('telegram', 'waits', now() + interval '1 hour', null, 1, 'news', false),
  ('telegram', 'is sent', null, now() + interval '30 seconds', 7, 'news', false),
  ('telegram', 'is listed', null, now() - interval '1 second', 8, 'news', false),
  ('telegram', 'is leased over nothing', null, now() + interval '30 seconds', 9, 'news', false),
  ('telegram', 'is idle', null, null, 5, '', false),
  ('telegram', 'is due for nothing', now(), null, 5, 'news', false)
"""
DELIVERIES = """
insert into outbox.delivery (event_id, lane_id, channel, recipient, urgent, state, settled_at)
select outbox.emit(case when d.urgent then 'code' else 'news' end, array[l.recipient]), l.id, 'telegram', l.recipient,
  d.urgent, d.state, case when d.state = 'sent' then now() end
from (values
  (1, 'due', false, 'sent'), (2, 'due', false, 'pending'), (3, 'due', false, 'pending'),
  (4, 'urgent', false, 'pending'), (5, 'urgent', true, 'pending'),
  (6, 'waits', false, 'pending'),
  (7, 'is sent', false, 'sending'), (8, 'is sent', true, 'pending'),
  (9, 'is listed', false, 'sending'), (10, 'is listed', false, 'sending'), (11, 'is listed', false, 'pending'),
  (12, 'is leased over nothing', false, 'pending'),
  (13, 'is idle', false, 'sent')
) d (place, recipient, urgent, state) join outbox.lane l on l.recipient = d.recipient order by d.place
"""
NEWS, CODE = "news", "code"


@pytest.fixture
async def old(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connection]:
    """Connect to a database of before, in which there is work in every state."""
    conn = await connect(empty_database_url)
    everything = migration.migrations()
    with monkeypatch.context() as patched:
        patched.setattr(migration, "migrations", lambda: everything[:BEFORE])
        await migration.migrate(conn)
    await conn.execute(LANES)
    await conn.execute(DELIVERIES)
    yield conn
    await conn.close()


async def test_everything_stands_where_it_stood(old: Connection) -> None:
    """Lanes that were due are, those that waited wait, what was being sent is, and an idle one stays idle."""
    await migration.migrate(old)
    assert await old.fetch(FAULTS) == []
    assert {
        who: await standing(old, who)
        for who in ("due", "urgent", "waits", "is sent", "is listed", "is leased over nothing", "is idle")
    } == {
        "due": "due",
        "urgent": "due",
        "waits": "waiting",
        "is sent": "leased",
        "is listed": "leased",
        "is leased over nothing": "due",
        "is idle": "idle",
    }
    assert await standing(old, "is due for nothing") == "idle"
    assert {who: (type_, urgent) for who, type_, urgent in await lanes(old) if type_} == {
        "due": (NEWS, False),
        "urgent": (NEWS, True),
        "waits": (NEWS, False),
        "is sent": (NEWS, True),
        "is listed": (NEWS, False),
        "is leased over nothing": (NEWS, False),
    }
    assert [state for state, _ in await states(old)] == [
        *("sent", "pending", "pending"),
        *("pending", "pending"),
        "pending",
        *("sending", "pending"),
        *("sending", "sending", "pending"),
        "pending",
        "sent",
    ]


async def test_what_was_being_sent_is_settled_when_its_lease_ends(old: Connection) -> None:
    """Nobody knows what came of it: all that was being sent is settled as that, and the lanes go on."""
    await migration.migrate(old)
    (listed, with_it) = await run.take_ended(old, 10)
    assert [listed.recipient, with_it.recipient] == ["is listed", "is listed"]
    recorded = await record.record(old, [finish(one, LOST, Policy(on_unknown="hold")) for one in (listed, with_it)])
    assert len(recorded.won) == 2
    assert await old.fetch(FAULTS) == []
    assert await standing(old, "is listed") == "due"
    assert await standing(old, "is sent") == "leased"


async def test_all_of_it_is_delivered_in_order(old: Connection) -> None:
    """A worker delivers whatever waits, each lane in its order, and nothing is left."""
    await migration.migrate(old)
    await old.execute("update outbox.run set lease_until = now() where lease_until is not null")
    for _ in range(2):
        taken = await run.take_ended(old, 10)
        await record.record(old, [finish(one, Ending(Delivered(1)), Policy()) for one in taken])
    await old.execute("update outbox.lane set due_at = now() where due_at is not null")
    order: dict[str, list[int]] = {}
    while claimed := await lane_claim.claim(old, Channel.TELEGRAM, 10, lease=timedelta(minutes=1)):
        for one in claimed:
            order.setdefault(one.recipient, []).append(one.delivery_id)
        await record.record(old, [finish(one, Ending(Delivered(1)), Policy()) for one in claimed])
        assert await old.fetch(FAULTS) == []
    assert order == {
        "due": [2, 3],
        "urgent": [4, 5],
        "waits": [6],
        "is sent": [8],
        "is listed": [11],
        "is leased over nothing": [12],
    }
    assert {state for state, _ in await states(old)} == {"sent"}
    assert not await lane_claim.unfinished(old)
