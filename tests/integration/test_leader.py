"""Turns at looking: one for all workers, and what was found stands in one row."""

import asyncio
from datetime import timedelta

from outbox.database.connection import Connection, Pool
from outbox.monitoring import leader
from outbox.monitoring.leader import LeaderReading

EVERY = timedelta(hours=1)
AT_ONCE = timedelta(0)


async def test_one_of_many_has_the_turn(pool: Pool) -> None:
    """However many workers ask at the same moment, one of them gets the turn."""
    taken = await asyncio.gather(*(leader.take(pool, EVERY) for _ in range(20)))  # type: ignore[arg-type]  # asks alike
    assert [one.number for one in taken if one is not None] == [1]


async def test_the_next_turn_comes_when_it_is_time(conn: Connection) -> None:
    """No turn is given before the interval has passed, and then the next one, with what was found last."""
    first = await leader.take(conn, EVERY)
    assert first is not None
    assert first.before == {}
    assert await leader.end(conn, first, {"found": 7})
    assert await leader.take(conn, EVERY) is None
    await conn.execute("update outbox.gauge set taken_at = taken_at - interval '1 hour'")
    second = await leader.take(conn, EVERY)
    assert second is not None
    assert (second.number, second.before) == (2, {"found": 7})


async def test_a_turn_from_the_future_holds_nobody_up(conn: Connection) -> None:
    """After the database's clock was set back, turns go on at once."""
    await conn.execute("update outbox.gauge set taken_at = now() + interval '1 year'")
    assert await leader.take(conn, EVERY) is not None


async def test_who_was_overtaken_writes_nothing(conn: Connection) -> None:
    """What a worker has found that slept over its turn does not take the place of newer."""
    slow, quick = await leader.take(conn, AT_ONCE), await leader.take(conn, AT_ONCE)
    assert slow is not None
    assert quick is not None
    assert await leader.end(conn, quick, {"found": "new"})
    assert not await leader.end(conn, slow, {"found": "old"})
    assert (await leader.read(conn)).content == {"found": "new"}


async def test_what_was_found_has_an_age(conn: Connection) -> None:
    """What was found is as old as its look, and nothing has an age before the first one."""
    assert await leader.read(conn) == LeaderReading({}, None)
    taken = await leader.take(conn, AT_ONCE)
    assert taken is not None
    await leader.end(conn, taken, {"found": 1})
    await conn.execute("update outbox.gauge set looked_at = now() - interval '1 hour'")
    seen = await leader.read(conn)
    assert seen.age is not None
    assert seen.age >= EVERY.total_seconds()


async def test_a_row_that_is_lost_is_made_anew(conn: Connection) -> None:
    """Where a crash of the server has emptied the table, whoever reads makes the row anew, and turns go on."""
    await conn.execute("truncate outbox.gauge")
    assert await leader.take(conn, EVERY) is None
    assert await leader.read(conn) == LeaderReading({}, None)
    assert await leader.take(conn, EVERY) is not None
