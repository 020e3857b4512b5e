"""Counting deliveries that are not finished: one by one while they are few, by a sample where there are too many."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from asyncpg import Record

from outbox.database import time_boxed
from outbox.database.connection import Connection
from outbox.delivery.state import State
from outbox.monitoring import count_estimate
from outbox.monitoring.count_estimate import Counts

MOST = 2_000
"""Counted one by one up to here: what is open (a lane has to look at it), and apart from it what is stuck (an operator
has to). Each costs a look at its row, which may stand on a page of its own."""
WITHIN = timedelta(milliseconds=200)
"""Each of these takes far less, except where millions are finished and not cleared away yet: then it is given up."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is not finished."""

    deliveries: dict[str, dict[str, int]] = field(default_factory=dict)
    """By channel and state: pending, sending, dead, unknown."""
    estimated: list[str] = field(default_factory=list)
    """States of which there were too many to count."""
    oldest_dead: dict[str, float] = field(default_factory=dict)
    """Age in seconds of the oldest dead letter of a channel."""


# of those that were born first: the oldest dead letter is among them, or hardly younger than the oldest that is
STUCK = """
select channel, state, count(*), extract(epoch from now() - min(settled_at))::float8 as seconds
from (
  select channel, state, settled_at from outbox.delivery where stuck order by id limit $1
) few group by 1, 2
"""


async def count(conn: Connection) -> Counted | None:
    """Count and estimate; None: it would have taken too long."""
    stuck = await time_boxed.fetch(conn, WITHIN, STUCK, MOST + 1)
    if stuck is None:
        return None
    counts, many = _counts(stuck), set[str]()
    if counts.total() > MOST:
        many |= {State.DEAD.value, State.UNKNOWN.value}
    waiting, complete = await _count_open(conn)
    counts += waiting
    if not complete:
        many |= {State.PENDING.value}
    if many:
        sampled = await count_estimate.take(conn, WITHIN)
        if sampled is None:
            return None
        # what is being sent is pending in its row; and not fewer than were counted
        sampled -= Counter(
            {(channel, "pending"): n for (channel, state), n in counts.items() if state == State.SENDING}
        )
        counts |= Counter({key: number for key, number in sampled.items() if key[1] in many})
    oldest = {row["channel"]: row["seconds"] for row in stuck if row["state"] == State.DEAD}
    return Counted(_by_channel(counts), sorted(many), oldest)


# What is open stands in lanes that are in a run or wait, from their heads on; besides, what came back before.
OPEN = """
select channel, state, count(*)
from (
  select l.channel, case when l.leased and d.id = l.head then 'sending' else d.state end as state
  from (
    (
      select r.channel, r.lease_until is not null as leased, h.lane_id, h.head
      from (select channel, lease_until, lanes, heads from outbox.run order by id limit $1) r
      cross join lateral unnest(r.lanes, r.heads) h (lane_id, head) limit $1
    )
    union all
    (
      -- channel by channel, and by a bound on the time: no other index is a way to them
      select w.* from unnest(array['inapp', 'telegram']) c (channel)
      cross join lateral (
        select channel, false, id, head from outbox.lane
        where channel = c.channel and due_at > '-infinity' order by due_at limit $1
      ) w limit $1
    )
  ) l
  cross join lateral (
    (
      select d.id, d.state from outbox.delivery d
      where d.lane_id = l.lane_id and d.id >= l.head and d.phase = 'open' order by d.id limit $1
    )
    union all
    (
      select d.id, d.state from outbox.delivery d
      where d.lane_id = l.lane_id and d.id < l.head and d.back and d.phase = 'open' order by d.id limit $1
    )
  ) d
  -- of a run with a lease, only lanes that are being sent are in it still
  where not l.leased
    or (select o.phase from outbox.delivery o where o.id = any(array[l.head]) order by o.id limit 1) = 'open'
  limit $1
) few group by 1, 2
"""

# What is being sent is in runs with a lease: one message of each lane, and no digest carries more than 50 deliveries.
SENDING = """
select r.channel, 'sending' as state, count(*)
from (
  select channel, heads from outbox.run where lease_until is not null order by lease_until limit $1
) r
cross join lateral unnest(r.heads) h (head)
cross join lateral (
  select lane_id from outbox.delivery where id = any(array[h.head]) and phase = 'open' order by id limit 1
) o
cross join lateral (
  select id, state from outbox.delivery d
  where d.lane_id = o.lane_id and d.id >= h.head and d.phase = 'open' order by d.id limit 50
) d
where d.id = h.head or d.state = 'sending' group by 1
"""


async def _count_open(conn: Connection) -> tuple[Counts, bool]:
    """Count what is open; tell whether that is all that is pending."""
    rows = await time_boxed.fetch(conn, WITHIN, OPEN, MOST + 1)
    counts = _counts(rows or ())
    if rows is not None and counts.total() <= MOST:
        return counts, True
    pending = Counter({key: number for key, number in counts.items() if key[1] == State.PENDING})
    return pending + _counts(await conn.fetch(SENDING, MOST)), False


def _counts(rows: Iterable[Record]) -> Counts:
    return Counter({(row["channel"], row["state"]): row["count"] for row in rows})


def _by_channel(counts: Counts) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (channel, state), number in counts.items():
        found.setdefault(channel, {})[state] = number
    return found
