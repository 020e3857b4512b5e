"""Recording: ends attempts, each under the token of its claim, many in one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from outbox import link
from outbox.database import Connection
from outbox.decision import Decision
from outbox.delivery import State
from outbox.lane import PACE, Claimed, lock, release
from outbox.link import LinkState
from outbox.outcome import Delivered, Outcome

NO_PACE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of one attempt: what came of it, what was decided, and what it says about the chat."""

    claimed: Claimed
    outcome: Outcome
    decision: Decision
    seconds: float = 0.0
    """How long the attempt took."""
    link: LinkState | None = None
    """The chat's new state, where the outcome is about the chat."""
    migrate_to: int | None = None
    """The chat's new id."""
    every: timedelta = NO_PACE
    """The chat's pace: one message in this time on average."""
    burst: int = 1
    """How many may go at once after a pause."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a call of `record` wrote."""

    won: frozenset[int] = frozenset()
    """Deliveries whose attempt was recorded; the others' lease was lost."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Deliveries that waited behind a chat which cannot be written to, by reason."""


# sending -> sent | pending | dead | unknown | expired | skipped
MOVE = """
update outbox.delivery d set
  state = a.state, reason = a.reason, attempts = a.attempts, due_at = now() + a.delay, message_id = a.message_id,
  settled_at = case when a.state <> 'pending' then now() end
from unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::interval[], $6::bigint[])
  as a (delivery_id, state, reason, attempts, delay, message_id)
where d.id = a.delivery_id and d.state = 'sending'
returning d.id
"""

ADD_ATTEMPTS = """
insert into outbox.attempt (delivery_id, token, outcome, reason, seconds)
select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::real[])
"""

# what waits behind a chat that cannot be written to: pending -> skipped
SKIP_REST = """
update outbox.delivery d set state = 'skipped', reason = a.reason, settled_at = now()
from unnest($1::bigint[], $2::text[]) a (lane_id, reason)
where d.lane_id = a.lane_id and d.phase = 'open' and d.state = 'pending'
returning d.reason
"""


async def record(conn: Connection, finishes: Sequence[Finish]) -> Recorded:
    """End attempts; those whose lease was lost meanwhile change nothing."""
    async with conn.transaction():
        tokens = await lock(conn, [finish.claimed.lane_id for finish in finishes])
        held = [finish for finish in finishes if tokens.get(finish.claimed.lane_id) == finish.claimed.token]
        won = frozenset(row["id"] for row in await conn.fetch(MOVE, *_columns(held)))
        kept = [finish for finish in held if finish.claimed.delivery_id in won]
        await _add_attempts(conn, kept)
        await _pace(conn, kept)
        skipped = await _change_links(conn, kept)
        # last and in a statement of its own: only so does it see what the relay added before our lock
        lanes = [finish.claimed.lane_id for finish in kept]
        await release(conn, lanes, [finish.claimed.token for finish in kept])
    return Recorded(won, skipped)


def _columns(finishes: Sequence[Finish]) -> tuple[list[object], ...]:
    return (
        [f.claimed.delivery_id for f in finishes],
        [f.decision.state for f in finishes],
        [f.decision.reason for f in finishes],
        [f.decision.attempts for f in finishes],
        [f.decision.delay for f in finishes],
        [f.outcome.message_id if isinstance(f.outcome, Delivered) else None for f in finishes],
    )


async def _add_attempts(conn: Connection, finishes: Sequence[Finish]) -> None:
    noted = [f for f in finishes if f.decision.state is not State.SENT or f.decision.reason or f.claimed.attempts]
    if noted:
        await conn.execute(
            ADD_ATTEMPTS,
            [f.claimed.delivery_id for f in noted],
            [f.claimed.token for f in noted],
            [type(f.outcome).__name__.lower() for f in noted],
            [f.outcome.reason for f in noted],
            [f.seconds for f in noted],
        )


async def _pace(conn: Connection, finishes: Sequence[Finish]) -> None:
    paced = [f for f in finishes if f.every > NO_PACE]
    if paced:
        await conn.execute(
            PACE,
            [f.claimed.lane_id for f in paced],
            [f.claimed.token for f in paced],
            [f.every for f in paced],
            [f.burst for f in paced],
        )


async def _change_links(conn: Connection, finishes: Sequence[Finish]) -> Counter[str]:
    moved = {f.claimed.recipient: f.migrate_to for f in finishes if f.migrate_to is not None}
    if moved:
        await link.migrate(conn, moved)
    ended = [(f, f.link) for f in finishes if f.link is not None]
    if not ended:
        return Counter()
    await link.set_states(conn, {f.claimed.recipient: state for f, state in ended})
    closed = [(f, state) for f, state in ended if state is not LinkState.ACTIVE]
    rows = await conn.fetch(SKIP_REST, [f.claimed.lane_id for f, _ in closed], [state for _, state in closed])
    return Counter(row["reason"] for row in rows)
