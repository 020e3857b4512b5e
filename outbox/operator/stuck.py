"""What is stuck: dead letters and unknown outcomes, which wait for an operator, found by what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from outbox.database.connection import Connection
from outbox.delivery.outcome import Reason
from outbox.delivery.state import State


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of the stuck deliveries are meant: those that fit every field that is given."""

    ids: tuple[int, ...] = ()
    """Deliveries by their ids; empty: any."""
    type: str | None = None
    recipient: str | None = None
    reason: Reason | None = None
    settled_before: datetime | None = None
    """Stuck since then or longer."""
    settled_after: datetime | None = None
    """Stuck only since then."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A delivery that waits for an operator."""

    delivery_id: int
    event_id: int
    type: str
    channel: str
    recipient: str
    reason: str
    attempts: int
    settled_at: datetime
    """When it got stuck."""
    age_seconds: float
    """How long it has been stuck."""


@dataclass(frozen=True, slots=True)
class Group:
    """How many of one type are stuck for one reason."""

    type: str
    reason: str
    late: bool
    """Their time to live has ended: sent again they would only expire."""
    count: int


# every statement below begins with it, and has its arguments first
STUCK = """
with stuck as (
  select d.id, d.lane_id, d.event_id, e.type, e.request_id, e.traceparent, d.channel, d.recipient, d.reason,
    d.attempts, d.settled_at,
    extract(epoch from now() - d.settled_at)::float8 as age_seconds, coalesce(d.expires_at <= now(), false) as late
  from outbox.delivery d cross join lateral (
    select type, request_id, traceparent
    from outbox.event e where e.id = any(array[d.event_id]) order by e.id limit 1
  ) e
  where d.stuck and d.state = $1
    and ($2::bigint[] is null or d.id = any($2)) and ($3::text is null or e.type = $3)
    and ($4::text is null or d.recipient = $4) and ($5::text is null or d.reason = $5)
    and ($6::timestamptz is null or d.settled_at <= $6) and ($7::timestamptz is null or d.settled_at >= $7)
)
"""

FIND = (
    STUCK
    + """
select id, event_id, type, channel, recipient, reason, attempts, settled_at, age_seconds, count(*) over () as found
from stuck order by settled_at, id limit $8
"""
)


async def find(conn: Connection, state: State, wanted: Filter, limit: int) -> tuple[list[Stuck], int]:
    """List those that are stuck in a state, oldest first; tell also how many there are beyond the limit."""
    rows = await conn.fetch(FIND, *arguments(state, wanted), limit)
    found = [Stuck(*tuple(row)[:-1]) for row in rows]
    return found, rows[0]["found"] - len(rows) if rows else 0


COUNT = (
    STUCK
    + """
select type, reason, late, count(*) from stuck group by 1, 2, 3 order by 4 desc, 1, 2, 3
"""
)


async def count(conn: Connection, state: State, wanted: Filter) -> list[Group]:
    """Count those that are stuck in a state, by type and reason, the most first."""
    return [Group(*row) for row in await conn.fetch(COUNT, *arguments(state, wanted))]


# by id and beyond the last one: however many there are, each batch reads its own rows only
PICK = (
    STUCK
    + """
select id, lane_id, event_id, type, request_id, traceparent, reason, late from stuck where id > $8 order by id limit $9
"""
)


def arguments(state: State, wanted: Filter) -> tuple[object, ...]:
    """Give the first seven arguments of these statements."""
    return (
        state,
        wanted.ids or None,
        wanted.type,
        wanted.recipient,
        wanted.reason,
        wanted.settled_before,
        wanted.settled_after,
    )


STATES = "select id, state from outbox.delivery where id = any($1::bigint[])"


async def states(conn: Connection, ids: Sequence[int]) -> dict[int, State]:
    """Tell the state of deliveries; one that does not exist is left out."""
    return {row["id"]: State(row["state"]) for row in await conn.fetch(STATES, ids)}
