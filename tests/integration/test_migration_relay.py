"""The migration to the relay's function: it carries over what an earlier version has written, and wants it gone."""

import asyncpg
import pytest

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.error import MigrationError
from outbox.event_log.event import emit
from outbox.proof import completeness
from outbox.relay import fan_out
from outbox.relay.routing import Route, Routing
from outbox.schema import migration
from tests.integration.test_proof import LONG_AGO

# migrations refuse a pooler
pytestmark = pytest.mark.direct

BEFORE = 14
BOTH = frozenset(Channel)
ROUTES = Routing({"t": Route("t", "c", BOTH), "hint": Route("hint", "c", frozenset({Channel.INAPP}))})

FILL = """
insert into outbox.event (type, recipients, deliver_at)
select case n % 4 when 0 then 'hint' when 1 then 'unknown' else 't' end, array['u' || n % 7],
  case when n % 10 = 2 then now() + interval '1 day' end
from generate_series(1, $1::integer) n
"""
# relayed an event a second, as an earlier version has written it: what is not for later, but for the last few
RELAYED = """
insert into outbox.relayed (event_id, channels, relayed_at)
select id, case type when 'hint' then array['inapp'] when 't' then array['inapp', 'telegram'] else '{}' end,
  now() - interval '1 day' + id * interval '1 second'
from outbox.event where deliver_at is null and id <= $1
"""
# once the type went to Telegram only
OTHERWISE = "update outbox.relayed r set channels = array['telegram'] from outbox.event e where e.id = event_id and e.type = 't' and e.id <= 100"  # noqa: E501
SCHEDULED = "insert into outbox.scheduled select id, deliver_at from outbox.event where deliver_at is not null"
NOTIFIED = """
insert into outbox.notification (event_id, recipient, type, category, version)
select r.event_id, e.recipients[1], e.type, 'c', row_number() over (partition by e.recipients order by e.id)
from outbox.relayed r join outbox.event e on e.id = r.event_id where 'inapp' = any(r.channels)
"""
COUNTED = "insert into outbox.inbox select recipient, count(*), count(*) from outbox.notification group by 1"
LANES = "insert into outbox.lane (channel, recipient) select 'telegram', 'u' || n from generate_series(0, 6) n"
DELIVERED = """
insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
select r.event_id, l.id, 'telegram', e.recipients[1], s.state,
  case when s.state not in ('pending', 'sending', 'sent') then 'internal' end,
  case when s.state not in ('pending', 'sending') then now() end
from outbox.relayed r join outbox.event e on e.id = r.event_id
join outbox.lane l on l.channel = 'telegram' and l.recipient = e.recipients[1]
cross join lateral (
  select (array['pending', 'sending', 'sent', 'skipped', 'expired', 'dead', 'unknown'])[1 + e.id % 7] as state
) s
where 'telegram' = any(r.channels)
"""
# behind all that was relayed or is for later; the rest is still to be read
PASSED = """
update outbox.cursor set low = pg_current_snapshot(), high = pg_current_snapshot() where consumer = 'relay'
"""

TIMES = """
select e.id, (select max(relayed_at) from outbox.batch b where b.events @> e.id) as at from outbox.event e order by e.id
"""


@pytest.fixture
async def old(empty: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Give a database with the schema of the version before."""
    known = migration.migrations()
    with monkeypatch.context() as earlier:
        earlier.setattr(migration, "migrations", lambda: known[:BEFORE])
        await migration.migrate(empty)
    return empty


async def fill(conn: Connection, events: int, ahead: int) -> list[asyncpg.Record]:
    """Write what an earlier version would have; return the old ledger."""
    await conn.execute(FILL, events)
    await conn.execute(RELAYED, events - ahead)
    for statement in (OTHERWISE, SCHEDULED, NOTIFIED, COUNTED, LANES, DELIVERED):
        await conn.execute(statement)
    await conn.execute("update outbox.event set xid = '3' where id <= $1", events - ahead)
    return list(await conn.fetch("select event_id, channels, relayed_at from outbox.relayed order by event_id"))


async def test_everything_is_carried_over(old: Connection) -> None:
    """What was relayed keeps its channels and its minute, what is for later its time; all adds up, and work goes on."""
    ledger = await fill(old, 2_000, 50)
    later = {row["id"]: row["deliver_at"] for row in await old.fetch("select * from outbox.event") if row["deliver_at"]}
    applied = await migration.migrate(old)
    assert applied[0].breaking

    times = {row["id"]: row["at"] for row in await old.fetch(TIMES)}
    assert {id_ for id_, at in times.items() if at is not None} == {row["event_id"] for row in ledger}
    assert max(abs((times[row["event_id"]] - row["relayed_at"]).total_seconds()) for row in ledger) < 60
    waiting = await old.fetch("select event_id, due_at, reason from outbox.waiting order by id")
    assert {row["event_id"]: row["due_at"] for row in waiting} == later
    assert {row["reason"] for row in waiting} == {"scheduled"}

    found = await completeness.prove(old, LONG_AGO)
    assert found.holds, found.gaps[:5]
    assert (found.expected, found.discarded) == (
        sum(len(row["channels"]) for row in ledger),
        sum(not row["channels"] for row in ledger),
    )
    assert found.waiting == 2_000 - len(ledger)
    new = await emit(old, "t", ["u1"])
    while await fan_out.peek(old, ROUTES):
        await fan_out.step(old, ROUTES)
    assert await old.fetchval("select count(*) from outbox.notification where event_id = $1", new) == 1
    assert (await completeness.prove(old, LONG_AGO)).holds


async def test_it_is_refused_while_an_earlier_version_runs(
    old: Connection, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a connection of Vestnik's is open nothing is changed, and the message says whom to stop; then it goes."""
    monkeypatch.setattr(migration, "ENDING_S", 0.2)
    worker = await connect(empty_database_url)
    pid = await worker.fetchval("select pg_backend_pid()")
    with pytest.raises(MigrationError, match=rf"0015_relay takes away .*{pid}.*: stop its workers") as refused:
        await migration.migrate(old)
    assert "nothing was changed" in str(refused.value)
    assert await old.fetchval("select to_regclass('outbox.relayed') is not null")
    await worker.close()
    await migration.migrate(old)
    assert await old.fetchval("select to_regclass('outbox.relayed') is null")


async def test_deploys_at_once_do_not_take_each_other_for_workers(old: Connection, empty_database_url: str) -> None:
    """Two deploys that run at once both end well, one of them without work."""
    other = await connect(empty_database_url)
    await other.execute(migration.NAME_DEPLOY)
    await migration.migrate(old)
    assert await migration.migrate(other) == []
    await other.close()
