"""The queries behind the gauges at 5,000,000 waiting deliveries, beside the same queries at 50,000."""

import time
from statistics import median

from outbox.database.connection import Connection, connect
from outbox.monitoring import backlog, count_estimate, gauge, leader, open_count, table_size
from tests.bench.table import Figure

FEW, MANY = 50_000, 5_000_000
TIMES = 25

# five in each lane, one after the other for every lane; one in a hundred is dead instead, and some lanes are leased
LANES = """
with born as (
  insert into outbox.lane (channel, recipient, busy)
  select 'telegram', 'u-' || n, true from generate_series($1::integer / 5 + 1, $2::integer / 5) n
  returning id
)
insert into outbox.run (type, urgent, lease_until, lanes, heads)
select 'type-' || id % 4, false, case when id % 10000 = 0 then now() + interval '1 hour' end, array_agg(id),
  array_agg($1::integer + id - $1::integer / 5)
from born group by 1, 3, id / 1000
"""
DELIVERIES = """
insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
select n, 1 + n % ($2::integer / 5), 'telegram', 'u-' || 1 + n % ($2::integer / 5), s.state, s.reason, s.settled_at
from generate_series($1::integer + 1, $2::integer) n, lateral (
  select case when n % 100 = 0 then 'dead' else 'pending' end as state,
    case when n % 100 = 0 then 'internal' end as reason, case when n % 100 = 0 then now() end as settled_at
) s
"""
EVENTS = "insert into outbox.event (type, recipients) select 't', array['u-' || n] from generate_series(1, 100000) n"
FILL_WITHIN_S = 1800.0


async def measure(url: str) -> list[Figure]:
    """Fill with few, measure, fill with many, and measure again."""
    conn = await connect(url)
    await conn.execute(EVENTS)
    await _fill(conn, 0, FEW)
    few = await _times(conn)
    await _fill(conn, FEW, MANY)
    many = await _times(conn)
    whole = await _time(conn, backlog.DELIVERIES)
    await conn.close()
    figures = [
        Figure(f"gauges at {MANY:,} waiting: {name}", f"{many[name]} ms", "5 ms", f"{few[name]} ms at {FEW:,}")
        for name in many
    ]
    return [*figures, Figure(f"`vestnik status` at {MANY:,} waiting: counting all", f"{whole:,.0f} ms", "")]


async def _fill(conn: Connection, first: int, last: int) -> None:
    await conn.execute(LANES, first, last, timeout=FILL_WITHIN_S)
    await conn.execute(DELIVERIES, first, last, timeout=FILL_WITHIN_S)


async def _times(conn: Connection) -> dict[str, str]:
    """Run each query again and again; return the best and the median."""
    lows, highs = count_estimate.pieces(await conn.fetchval(count_estimate.NEWEST))
    queries: dict[str, tuple[str, tuple[object, ...]]] = {
        "turn": (leader.READ, ()),
        "open": (open_count.OPEN, (open_count.MOST + 1,)),
        "being sent": (open_count.SENDING, (open_count.MOST,)),
        "stuck": (open_count.STUCK, (open_count.MOST + 1,)),
        "newest": (count_estimate.NEWEST, ()),
        "sample": (count_estimate.SAMPLE, (lows, highs, count_estimate.ROWS)),
        "oldest due": (gauge.OLDEST_DUE, ()),
        "relay lag": (backlog.LAG, ()),
        "sizes": (table_size.MEASURE, (table_size.TABLES, table_size.OTHER)),
    }
    taken = {
        name: [await _time(conn, sql, *arguments) for _ in range(TIMES)] for name, (sql, arguments) in queries.items()
    }
    return {name: f"{min(each):.2f} / {median(each):.2f}" for name, each in taken.items()}


async def _time(conn: Connection, sql: str, *arguments: object) -> float:
    began = time.perf_counter()
    await conn.fetch(sql, *arguments)
    return (time.perf_counter() - began) * 1000
