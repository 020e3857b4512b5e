"""One look at what waits."""

from datetime import timedelta

import pytest

from outbox.database.connection import Connection, connect
from outbox.delivery.channel import Channel
from outbox.event_log.event import emit
from outbox.lane import lane_claim
from outbox.monitoring import backlog
from outbox.monitoring.backlog import Backlog
from tests.integration.runs import due_longer, wait
from tests.integration.test_fan_out import link, relay_all
from workers.slices.maintain import maintain_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

HOUR_S = 3600.0


async def test_nothing_waits_in_an_empty_outbox(conn: Connection) -> None:
    """An empty outbox has no backlog and no lag."""
    seen = await backlog.look(conn)
    assert seen == Backlog(oldest_transaction=seen.oldest_transaction, cursor_moved_at=seen.cursor_moved_at)
    assert seen.cursor_moved_at == await conn.fetchval("select moved_at from outbox.cursor")


async def test_unfinished_deliveries_are_counted_by_state(conn: Connection) -> None:
    """Deliveries are counted by channel and state as long as a lane or an operator has to look at them."""
    people = ["anna", "boris", "clara", "dina", "egor", "fyodor"]
    await link(conn, people)
    await emit(conn, "login.code", people)
    await relay_all(conn)
    await lane_claim.claim(conn, Channel.TELEGRAM, 1)
    await conn.execute(
        "update outbox.delivery set state = s.state, reason = 'internal', settled_at = now()"
        " from (values ('boris', 'dead'), ('clara', 'unknown'), ('dina', 'sent')) s (recipient, state)"
        " where delivery.recipient = s.recipient"
    )
    assert (await backlog.look(conn)).deliveries == {
        "telegram": {"pending": 2, "sending": 1, "dead": 1, "unknown": 1},
    }


async def test_lanes_are_counted_by_what_they_wait_for(conn: Connection) -> None:
    """A lane is due, leased, or waits for a later time, in which case it is neither."""
    await link(conn, ["anna", "boris", "clara", "dina"])
    await emit(conn, "login.code", ["anna", "boris", "clara", "dina"])
    await relay_all(conn)
    await lane_claim.claim(conn, Channel.TELEGRAM, 1)
    await wait(conn, timedelta(hours=1), "dina")
    seen = await backlog.look(conn)
    assert (seen.lanes_due, seen.lanes_leased) == (2, 1)


async def test_the_longest_due_lane_tells_how_late_it_is(conn: Connection) -> None:
    """The age of what is due is that of the lane that has been due longest."""
    await link(conn, ["anna", "boris"])
    await emit(conn, "login.code", ["anna", "boris"])
    await relay_all(conn)
    await due_longer(conn, ["anna"])
    seen = await backlog.look(conn)
    assert list(seen.oldest_due) == ["telegram"]
    assert HOUR_S <= seen.oldest_due["telegram"] < 2 * HOUR_S


async def test_what_waits_for_later_is_not_late(conn: Connection) -> None:
    """A lane that waits for a later time is no second late."""
    await link(conn, ["anna"])
    await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    await wait(conn, timedelta(hours=1))
    assert (await backlog.look(conn)).oldest_due == {"telegram": 0.0}


async def test_what_is_stuck_has_an_age(conn: Connection) -> None:
    """Dead letters and unknown outcomes have each the age of their oldest, by channel, since it got stuck."""
    await link(conn, ["anna", "boris", "clara", "dina"])
    await emit(conn, "login.code", ["anna", "boris", "clara", "dina"])
    await relay_all(conn)
    await conn.execute(
        "update outbox.delivery set state = s.state, reason = 'internal', settled_at = now() - s.age"
        " from (values ('anna', 'dead', interval '1 hour'), ('boris', 'dead', interval '5 hours'),"
        "              ('clara', 'unknown', interval '9 hours'), ('dina', 'sent', interval '11 hours'))"
        "   s (recipient, state, age)"
        " where delivery.recipient = s.recipient"
    )
    seen = await backlog.look(conn)
    assert (list(seen.oldest_dead), list(seen.oldest_unknown)) == (["telegram"], ["telegram"])
    assert 5 * HOUR_S <= seen.oldest_dead["telegram"] < 6 * HOUR_S
    assert 9 * HOUR_S <= seen.oldest_unknown["telegram"] < 10 * HOUR_S


async def test_what_was_sent_again_is_counted(conn: Connection) -> None:
    """Each attempt that may have arrived and was sent again is a possible duplicate."""
    await link(conn, ["anna", "boris", "clara"])
    await emit(conn, "login.code", ["anna", "boris", "clara"])
    await relay_all(conn)
    await conn.execute(
        "insert into outbox.attempt (delivery_id, token, outcome, resent)"
        " select id, 1, 'unknown', recipient <> 'clara' from outbox.delivery"
    )
    assert (await backlog.look(conn)).possible_duplicates == 2


@pytest.mark.parametrize(
    ("sql", "indexes"), [(backlog.LANES, {"lane_due", "run_queued"}), (backlog.REST, {"attempt_resent"})]
)
async def test_a_look_goes_by_indexes(conn: Connection, sql: str, indexes: set[str]) -> None:
    """Lanes that are due and possible duplicates are counted by indexes that hold nothing else."""
    plan = "\n".join(row[0] for row in await conn.fetch(f"explain {sql}"))
    assert {index for index in indexes if f" {index} " in plan} == indexes
    assert "Seq Scan on lane" not in plan
    assert "Seq Scan on attempt" not in plan


async def test_the_relays_lag_is_the_age_of_what_it_has_not_read(conn: Connection) -> None:
    """The relay is behind by the age of the oldest event it has not read, and by nothing once it has."""
    await emit(conn, "order.hint", ["anna"])
    await emit(conn, "order.hint", ["anna"])
    await conn.execute(
        "update outbox.event set created_at = now() - interval '1 hour' where id = (select min(id) from outbox.event)"
    )
    lag = (await backlog.look(conn)).relay_lag
    assert HOUR_S <= lag < 2 * HOUR_S
    await relay_all(conn)
    assert (await backlog.look(conn)).relay_lag == 0.0


async def test_the_relays_lag_sees_a_slow_transactions_event(conn: Connection, database_url: str) -> None:
    """An event whose transaction was open when the cursor passed counts once it is committed."""
    slow = await connect(database_url)
    transaction = slow.transaction()
    await transaction.start()
    await emit(slow, "order.hint", ["anna"])
    await slow.execute("update outbox.event set created_at = now() - interval '1 hour'")
    await emit(conn, "order.hint", ["boris"])
    await relay_all(conn)
    assert (await backlog.look(conn)).relay_lag == 0.0
    await transaction.commit()
    await slow.close()
    assert HOUR_S <= (await backlog.look(conn)).relay_lag < 2 * HOUR_S


async def test_a_scheduled_event_is_no_lag(conn: Connection) -> None:
    """An event that waits for its time is counted as scheduled, not as lag."""
    later = await conn.fetchval("select now() + interval '1 hour'")
    await emit(conn, "order.hint", ["anna"], deliver_at=later)
    await relay_all(conn)
    seen = await backlog.look(conn)
    assert (seen.scheduled, seen.relay_lag) == (1, 0.0)


async def test_an_open_writing_transaction_has_an_age(conn: Connection, database_url: str) -> None:
    """The oldest open transaction that has written anything is seen with its age."""
    writer = await connect(database_url)
    async with writer.transaction():
        await emit(writer, "order.hint", ["anna"])
        age = await writer.fetchval("select extract(epoch from clock_timestamp() - now())::float8")
        assert (await backlog.look(conn)).oldest_transaction >= age > 0
    await writer.close()


async def test_an_open_reading_transaction_has_none(conn: Connection, database_url: str) -> None:
    """A transaction that has only read anything holds nobody up and is not counted."""
    reader = await connect(database_url)
    async with reader.transaction():
        await reader.fetchval("select count(*) from outbox.event")
        age = await reader.fetchval("select extract(epoch from clock_timestamp() - now())::float8")
        assert (await backlog.look(conn)).oldest_transaction < age
    await reader.close()


async def test_a_relay_that_stands_still_is_seen_to_be_late(parts: WorkerParts, conn: Connection) -> None:
    """The worker's metric `relay_lag_seconds` grows also while no relay runs."""
    await emit(conn, "order.hint", ["anna"])
    await conn.execute("update outbox.event set created_at = now() - interval '1 hour'")
    await maintain_slice(parts, Slice(parts, once=True))
    lag = parts.metrics.registry.get_sample_value("vestnik_relay_lag_seconds")
    assert lag is not None
    assert HOUR_S <= lag < 2 * HOUR_S
