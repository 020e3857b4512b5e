"""Counting deliveries that are not finished: one by one while they are few, by a sample where there are too many."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from asyncpg import Record

from outbox import hurry, sample
from outbox.database import Connection
from outbox.delivery import State
from outbox.sample import Counts

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
  select channel, state, settled_at from outbox.delivery where phase = 'stuck' order by id limit $1
) few group by 1, 2
"""


async def count(conn: Connection) -> Counted | None:
    """Count and estimate; None: it would have taken too long."""
    stuck = await hurry.fetch(conn, WITHIN, STUCK, MOST + 1)
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
        sampled = await sample.take(conn, WITHIN)
        if sampled is None:
            return None
        # not fewer than were counted
        counts |= Counter({key: number for key, number in sampled.items() if key[1] in many})
    oldest = {row["channel"]: row["seconds"] for row in stuck if row["state"] == State.DEAD}
    return Counted(_by_channel(counts), sorted(many), oldest)


OPEN = """
select channel, state, count(*)
from (select channel, state from outbox.delivery where phase = 'open' order by lane_id, id limit $1) few group by 1, 2
"""

# What is being sent is in lanes with a lease: one message of each, and no digest carries more than 50 deliveries. In
# the order of the leases, or the planner may go by channel, through all lanes.
SENDING = """
with leased as materialized (
  select id, channel from outbox.lane where lease_until is not null order by lease_until limit $1
)
select l.channel, 'sending' as state, count(*)
from leased l cross join lateral (
  select state from outbox.delivery d where d.lane_id = l.id and d.phase = 'open' order by d.id limit 50
) d
where d.state = 'sending' group by 1
"""


async def _count_open(conn: Connection) -> tuple[Counts, bool]:
    """Count what is open; tell whether that is all that is pending."""
    rows = await hurry.fetch(conn, WITHIN, OPEN, MOST + 1)
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
