"""A sample of the deliveries, where there are too many to count: a few of them, picked evenly over the ids.

It needs no statistics, so it is as good after a burst as on a table that was never analyzed, and it costs the same
however large the table is. The newest ids are looked at most closely: there the backlog is.
"""

from collections import Counter
from datetime import timedelta
from typing import TypeAlias

from outbox.database import time_boxed
from outbox.database.connection import Connection

Counts: TypeAlias = Counter[tuple[str, str]]
"""Deliveries by channel and state."""

ROWS = 8
"""Read of each piece; they lie side by side on a page or two."""
PIECES = 16
"""In each doubling of the distance from the newest id. A backlog that was born together is estimated within a few
per cent; what is spread thinly over a large table only within a thousandth of that table."""
SMALLEST = 256
"""Ids in a piece."""

# by a limit: the planner may count `max` by going through them all
NEWEST = "select coalesce((select id from outbox.delivery order by id desc limit 1), 0)"

# A piece in which fewer rows stand than were asked for was read whole. Of another its first rows speak for the rest:
# each of them for as many ids as there are in the piece for one that was passed.
SAMPLE = """
select r.channel, r.state, round(sum((piece.high - piece.low)::float8 / r.passed))::bigint as count
from unnest($1::bigint[], $2::bigint[]) piece (low, high)
cross join lateral (
  select channel, state, phase,
    case when count(*) over () < $3 then piece.high else max(id) over () + 1 end - piece.low as passed
  from (
    select id, channel, state, phase from outbox.delivery d
    where d.id >= piece.low and d.id < piece.high order by id limit $3
  ) first
) r
where r.phase <> 'done' group by 1, 2
"""


async def take(conn: Connection, within: timedelta) -> Counts | None:
    """Estimate how many deliveries are not finished; None: it would have taken too long."""
    lows, highs = pieces(await conn.fetchval(NEWEST))
    rows = await time_boxed.fetch(conn, within, SAMPLE, lows, highs, ROWS)
    return None if rows is None else Counter({(row["channel"], row["state"]): row["count"] for row in rows})


def pieces(newest: int) -> tuple[list[int], list[int]]:
    """Cut all ids up to the newest into pieces, the larger the older; return where each begins and ends.

    They begin at multiples of their size, so that a look reads the pages that the look before has read.
    """
    lows, highs = [], []
    high = newest + 1
    while high > 0:
        size = 1 << (max(SMALLEST, (newest + 1 - high) // PIECES).bit_length() - 1)
        low = (high - 1) // size * size
        lows.append(low)
        highs.append(high)
        high = low
    return lows, highs
