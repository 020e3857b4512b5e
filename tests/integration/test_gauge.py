"""What the gauges show, at the same cost however much waits."""

from datetime import timedelta

import pytest

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.event_log.event import emit
from outbox.lane import lane_claim
from outbox.monitoring import backlog, gauge, open_count, table_size
from outbox.monitoring.gauge import Gauge
from tests.integration.runs import put_in_runs
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import link, relay_all

NOW = 1_000_000.0
HOUR_S = 3600.0

BORN = """
insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
select n, n, 'telegram', 'u', $1,
  case when $1 not in ('pending', 'sent') then 'internal' end, case when $1 <> 'pending' then now() end
from generate_series($2::integer, $3::integer) n
"""


IN_TIME = open_count.WITHIN


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give nothing up because the machine is slow."""
    for module in (open_count, table_size):
        monkeypatch.setattr(module, "WITHIN", timedelta(seconds=PATIENCE_S))


async def test_an_empty_outbox_has_nothing_to_show(conn: Connection) -> None:
    """Nothing waits in an empty outbox, and its tables have sizes all the same."""
    seen = await gauge.look(conn, Gauge(), NOW)
    nothing = {"scheduled": 0, "unrouted": 0}
    assert seen == Gauge(oldest_transaction=seen.oldest_transaction, waiting=nothing, bytes=seen.bytes, measured_at=NOW)
    assert set(seen.bytes) == {"event", "batch", "delivery", "notification", "attempt", "lane", "other"}
    whole = "select sum(pg_total_relation_size(oid)) from pg_class where relname = 'delivery'"
    assert seen.bytes["delivery"] == await conn.fetchval(whole)


async def test_few_are_counted(conn: Connection) -> None:
    """The gauges show what an operator is shown who asks: while there are few, all is counted."""
    people = ["anna", "boris", "clara", "dina", "egor", "fyodor"]
    await link(conn, people)
    await emit(conn, "login.code", people)
    await relay_all(conn)
    await lane_claim.claim(conn, Channel.TELEGRAM, 1)
    await conn.execute(
        "update outbox.delivery set state = s.state, reason = 'internal', settled_at = now() - interval '5 hours'"
        " from (values ('boris', 'dead'), ('clara', 'unknown'), ('dina', 'sent')) s (recipient, state)"
        " where delivery.recipient = s.recipient"
    )
    await conn.execute("update outbox.run set due_at = now() - interval '2 hours' where lease_until is null")
    await emit(conn, "login.code", ["anna"])
    await conn.execute("update outbox.event set created_at = now() - interval '1 hour'")
    asked, seen = await backlog.look(conn), await gauge.look(conn, Gauge(), NOW)
    assert seen.deliveries == asked.deliveries == {"telegram": {"pending": 2, "sending": 1, "dead": 1, "unknown": 1}}
    assert seen.estimated == []
    assert 2 * HOUR_S <= seen.oldest_due["telegram"] < 3 * HOUR_S
    assert 5 * HOUR_S <= seen.oldest_dead["telegram"] < 6 * HOUR_S
    assert HOUR_S <= seen.relay_lag < 2 * HOUR_S


@pytest.mark.parametrize(("sent", "pending"), [(0, 60_000), (57_000, 3_000)])
async def test_many_are_estimated(conn: Connection, sent: int, pending: int) -> None:
    """What waits is estimated within a tenth after a burst, alone or behind what was sent, without statistics."""
    await conn.execute("alter table outbox.delivery set (autovacuum_enabled = off)")
    await conn.execute(BORN, "sent", 1, sent)
    await conn.execute(BORN, "pending", sent + 1, sent + pending)
    await put_in_runs(conn)
    seen = await gauge.look(conn, Gauge(), NOW)
    assert seen.estimated == ["pending"]
    assert set(seen.deliveries["telegram"]) == {"pending"}
    assert abs(seen.deliveries["telegram"]["pending"] - pending) <= pending / 10


async def test_an_estimate_is_not_below_what_was_counted(conn: Connection) -> None:
    """What lies so thinly among others that the sample misses it still counts as far as it was counted."""
    await conn.execute(BORN, "sent", 1, 60_000)
    await conn.execute(
        "update outbox.delivery set state = 'pending', settled_at = null where id % 16 = 15 and id < 40000"
    )
    await put_in_runs(conn)
    seen = await gauge.look(conn, Gauge(), NOW)
    assert seen.estimated == ["pending"]
    assert seen.deliveries["telegram"]["pending"] >= 2_000


async def test_what_was_pruned_is_not_estimated(conn: Connection) -> None:
    """Ids whose rows are gone stand for nothing."""
    await conn.execute(BORN, "pending", 1, 60_000)
    await conn.execute("delete from outbox.delivery where id % 10 <> 0")
    await put_in_runs(conn)
    seen = await gauge.look(conn, Gauge(), NOW)
    assert abs(seen.deliveries["telegram"]["pending"] - 6_000) <= 600


async def test_what_is_being_sent_is_counted_beside_an_estimate(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much waits, what is being sent is counted."""
    monkeypatch.setattr(open_count, "MOST", 3)
    people = ["anna", "boris", "clara", "dina", "egor"]
    await link(conn, people)
    await emit(conn, "login.code", people)
    await relay_all(conn)
    await lane_claim.claim(conn, Channel.TELEGRAM, 2)
    seen = await gauge.look(conn, Gauge(), NOW)
    assert (seen.deliveries, seen.estimated) == ({"telegram": {"pending": 3, "sending": 2}}, ["pending"])


async def test_many_that_are_stuck_are_estimated(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what is counted dead letters and unknown outcomes are estimated; what waits beside them is counted."""
    monkeypatch.setattr(open_count, "MOST", 1_000)
    await conn.execute(BORN, "dead", 1, 5_000)
    await conn.execute(BORN, "unknown", 5_001, 7_000)
    await conn.execute(BORN, "pending", 7_001, 7_002)
    await put_in_runs(conn)
    await conn.execute("update outbox.delivery set settled_at = now() - interval '3 hours' where id = 7")
    seen = await gauge.look(conn, Gauge(), NOW)
    assert seen.estimated == ["dead", "unknown"]
    assert abs(seen.deliveries["telegram"]["dead"] - 5_000) <= 500
    assert abs(seen.deliveries["telegram"]["unknown"] - 2_000) <= 200
    assert seen.deliveries["telegram"]["pending"] == 2
    assert 3 * HOUR_S <= seen.oldest_dead["telegram"] < 4 * HOUR_S


async def test_what_would_take_too_long_is_as_it_was(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts that PostgreSQL does not answer in time stay as they were, and the rest is looked at."""
    monkeypatch.setattr(open_count, "WITHIN", IN_TIME)
    await emit(conn, "login.code", ["anna"])
    await conn.execute("update outbox.event set created_at = now() - interval '1 hour'")
    before = Gauge(deliveries={"telegram": {"pending": 7}}, oldest_dead={"telegram": 8.0}, measured_at=NOW)
    other = await connect(database_url)
    async with other.transaction():
        await other.execute("lock table outbox.delivery")
        seen = await gauge.look(conn, before, NOW)
    await other.close()
    assert (seen.deliveries, seen.oldest_dead) == (before.deliveries, before.oldest_dead)
    assert seen.relay_lag >= HOUR_S


async def test_sizes_are_measured_now_and_then(conn: Connection) -> None:
    """Sizes are as they were until half a minute has passed, or the clock was set back."""
    before = Gauge(bytes={"event": 1}, measured_at=NOW)
    early = await gauge.look(conn, before, NOW + 29)
    assert (early.bytes, early.measured_at) == ({"event": 1}, NOW)
    for later in (NOW + 30, NOW - 30):
        seen = await gauge.look(conn, before, later)
        assert seen.bytes["event"] > 1
        assert seen.measured_at == later


def test_another_versions_look_is_read() -> None:
    """What another version has found is taken as far as it is known."""
    assert gauge.of({"relay_lag": 3.0, "mood": "good"}) == Gauge(relay_lag=3.0)
