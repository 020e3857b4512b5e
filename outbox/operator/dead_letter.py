"""All about one dead letter: its event, its attempts, and what operators did about it."""

from dataclasses import dataclass
from datetime import datetime

from outbox.database.connection import Connection


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt."""

    at: datetime
    """When it ended."""
    phase: str | None
    """How far its last request got; None: none was made, or nobody knows."""
    outcome: str
    reason: str | None
    seconds: float | None
    """How long it took."""
    resent: bool
    """It may have arrived, and was sent again."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What an operator did."""

    at: datetime
    action: str
    operator: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that will not be tried again by itself."""

    delivery_id: int
    channel: str
    recipient: str
    reason: str
    attempts: int
    """Since it was born or replayed."""
    born_at: datetime
    died_at: datetime
    expires_at: datetime | None
    event_id: int
    type: str
    emitted_at: datetime
    request_id: str | None
    recipients: int
    """How many people the event was for."""
    payload: str
    """JSON as PostgreSQL writes it."""
    tried: list[Attempted]
    acted: list[Acted]


LETTER = """
select d.id as delivery_id, d.channel, d.recipient, d.reason, d.attempts, d.created_at as born_at,
  d.settled_at as died_at, d.expires_at, e.id as event_id, e.type, e.created_at as emitted_at, e.request_id,
  cardinality(e.recipients) as recipients, e.payload::text
from outbox.delivery d cross join lateral (
  select id, type, created_at, request_id, recipients, payload
  from outbox.event e where e.id = any(array[d.event_id]) order by e.id limit 1
) e
where d.id = $1 and d.state = 'dead'
"""

TRIED = """
select ended_at, phase, outcome, reason, seconds, resent from outbox.attempt
where delivery_id = any(array[$1::bigint]) order by delivery_id, id
"""

ACTED = """
select acted_at, action, operator from outbox.operator_action
where delivery_id = any(array[$1::bigint]) order by delivery_id, id
"""


async def load(conn: Connection, delivery_id: int) -> DeadLetter | None:
    """Load a dead letter with its history; None where that delivery is none."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        row = await conn.fetchrow(LETTER, delivery_id)
        if row is None:
            return None
        tried = [Attempted(*one) for one in await conn.fetch(TRIED, delivery_id)]
        acted = [Acted(*one) for one in await conn.fetch(ACTED, delivery_id)]
    return DeadLetter(**dict(row), tried=tried, acted=acted)
