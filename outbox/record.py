"""Recording: ends attempts, each under the token of its claim, many in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from outbox import link, live_message, own_event, waiting
from outbox.database import Connection
from outbox.decision import Decision
from outbox.delivery import State
from outbox.lane import PACE, Claimed, lock, release
from outbox.link import LinkState, Migrated, Refusal
from outbox.live_message import LiveMessage
from outbox.outcome import Delivered, Outcome
from outbox.own_event import OwnEvent

NO_TIME = timedelta(0)


# not frozen: with so many fields it would take three times as long to make, and each message makes one
@dataclass(slots=True)
class Finish:
    """The end of one attempt: what came of it, what was decided, and what it says about the chat."""

    claimed: Claimed
    outcome: Outcome
    decision: Decision
    seconds: float = 0.0
    """How long the attempt took."""
    phase: str | None = None
    """How far the last request got: connecting, sent, answered; None where none was made or nobody knows."""
    link: LinkState | None = None
    """The chat's new state, where the outcome is about the chat."""
    link_after: timedelta = NO_TIME
    """Believe that only when the same was seen this long ago (see `outbox.link.Refusal`)."""
    restore_links: timedelta = NO_TIME
    """Take back what was believed of all chats within this time."""
    migrate_to: int | None = None
    """The chat's new id."""
    every: timedelta = NO_TIME
    """The chat's pace: one message in this time on average."""
    burst: int = 1
    """How many may go at once after a pause."""
    tell: tuple[OwnEvent, ...] = ()
    """Events of our own that go with it."""
    live: LiveMessage | None = None
    """What later events edit."""


@dataclass(frozen=True, slots=True)
class LinkMoves:
    """What was written about chats."""

    skipped: Counter[str] = field(default_factory=Counter)
    """Deliveries that waited behind a chat which cannot be written to, by reason."""
    closed: Counter[str] = field(default_factory=Counter)
    """Links that are not written to any more, by their state."""
    restored: int = 0
    """Links that are written to again, since so many refusals were our own fault."""
    migrated: int = 0
    """Links whose chat has a new id."""
    displaced: int = 0
    """Links that ended, since another one's chat has become theirs."""
    opened: int = 0
    """Links that are written to again, since a message has arrived."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a call of `record` wrote."""

    won: frozenset[int] = frozenset()
    """Deliveries whose attempt was recorded; the others' lease was lost."""
    links: LinkMoves = field(default_factory=LinkMoves)
    paced: int = 0
    """Lanes whose next delivery waits for nothing but the chat's pace."""


# sending -> sent | pending | dead | unknown | expired | skipped
MOVE = """
update outbox.delivery d set
  state = a.state, reason = a.reason, attempts = a.attempts, due_at = now() + a.delay, message_id = a.message_id,
  seconds = case when a.state = 'sent' then a.seconds end,
  settled_at = case when a.state <> 'pending' then now() end
from unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::interval[], $6::bigint[], $7::real[])
  as a (delivery_id, state, reason, attempts, delay, message_id, seconds)
where d.id = any(array[a.delivery_id]) and d.state = 'sending'
returning d.id
"""

ADD_ATTEMPTS = """
insert into outbox.attempt (delivery_id, token, outcome, reason, seconds, phase, resent)
select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::real[], $6::text[], $7::boolean[])
"""


async def record(conn: Connection, finishes: Sequence[Finish]) -> Recorded:
    """End attempts; those whose lease was lost meanwhile change nothing.

    Where a message carried several deliveries of a lane, all their ends come together: the lease is given back here.
    """
    async with conn.transaction():
        tokens = await lock(conn, [finish.claimed.lane_id for finish in finishes])
        held = [finish for finish in finishes if tokens.get(finish.claimed.lane_id) == finish.claimed.token]
        won = frozenset(row["id"] for row in await conn.fetch(MOVE, *_columns(held)))
        kept = [finish for finish in held if finish.claimed.delivery_id in won]
        await _add_attempts(conn, kept)
        await _pace(conn, kept)
        links = await _change_links(conn, kept)
        await _keep_live(conn, kept)
        await own_event.emit_all(conn, [told for finish in kept for told in finish.tell])
        # last and in a statement of its own: only so does it see what the relay added before our lock
        lanes = {finish.claimed.lane_id: finish.claimed.token for finish in kept}
        paced = await release(conn, list(lanes), list(lanes.values()))
    return Recorded(won, links, paced)


def _columns(finishes: Sequence[Finish]) -> tuple[list[object], ...]:
    return (
        [f.claimed.delivery_id for f in finishes],
        [f.decision.state for f in finishes],
        [f.decision.reason for f in finishes],
        [f.decision.attempts for f in finishes],
        [f.decision.delay for f in finishes],
        [f.outcome.message_id if isinstance(f.outcome, Delivered) else None for f in finishes],
        [f.seconds for f in finishes],
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
            [f.phase for f in noted],
            [f.decision.possible_duplicate for f in noted],
        )


async def _pace(conn: Connection, finishes: Sequence[Finish]) -> None:
    paced = [f for f in finishes if f.every > NO_TIME]
    if paced:
        await conn.execute(
            PACE,
            [f.claimed.lane_id for f in paced],
            [f.claimed.token for f in paced],
            [f.every for f in paced],
            [f.burst for f in paced],
        )


async def _keep_live(conn: Connection, finishes: Sequence[Finish]) -> None:
    messages = [finish.live for finish in finishes if finish.live is not None]
    if messages:
        await live_message.put(conn, messages)


async def _change_links(conn: Connection, finishes: Sequence[Finish]) -> LinkMoves:
    moved = {f.claimed.recipient: f.migrate_to for f in finishes if f.migrate_to is not None}
    migrated = await link.migrate(conn, moved) if moved else Migrated()
    well = [f.claimed.recipient for f in finishes if _proves_well(f)]
    opened = await link.clear(conn, well) if well else 0
    refused = [_refusal(f, f.link) for f in finishes if f.link is not None]
    closed = await link.refuse(conn, refused) if refused else {}
    skipped = await _skip_behind(conn, finishes, closed)
    within = max((f.restore_links for f in finishes), default=NO_TIME)
    restored = await link.restore(conn, within) if within else 0
    return LinkMoves(skipped, Counter(closed.values()), restored, migrated.moved, migrated.displaced, opened)


def _proves_well(finish: Finish) -> bool:
    held_against = finish.claimed.link_fault is not None or finish.claimed.link_state not in (None, LinkState.ACTIVE)
    return held_against and isinstance(finish.outcome, Delivered)


def _refusal(finish: Finish, state: LinkState) -> Refusal:
    return Refusal(finish.claimed.recipient, finish.outcome.reason or state, state, finish.link_after)


async def _skip_behind(conn: Connection, finishes: Sequence[Finish], closed: Mapping[str, str]) -> Counter[str]:
    """Skip what waits behind a chat that cannot be written to any more."""
    lanes = {f.claimed.lane_id: closed[f.claimed.recipient] for f in finishes if f.claimed.recipient in closed}
    skipped = Counter[str]()
    for lane_id, count in (await waiting.skip(conn, lanes)).items():
        skipped[lanes[lane_id]] += count
    return skipped
