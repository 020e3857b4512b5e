"""Recording: ends attempts, each under the token of its claim, many in one transaction."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta

from outbox.database.connection import Connection
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered, Outcome
from outbox.delivery.state import State
from outbox.event_log import own_event
from outbox.event_log.own_event import OwnEvent
from outbox.lane import lane_skip, run
from outbox.lane.lane_claim import PACE, Claimed, lock, put_on
from outbox.link import chat_link
from outbox.link.chat_link import ChatRefusal, Migrated
from outbox.link.chat_state import LinkState
from outbox.recording import live_message
from outbox.recording.live_message import LiveMessage

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
    """Believe that only when the same was seen this long ago (see `outbox.link.link_state.ChatRefusal`)."""
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


# being sent -> sent | pending | dead | unknown | expired | skipped
MOVE = """
update outbox.delivery d set
  state = a.state, reason = a.reason, attempts = a.attempts, due_at = now() + a.delay, message_id = a.message_id,
  seconds = case when a.state = 'sent' then a.seconds end,
  settled_at = case when a.state <> 'pending' then now() end,
  back = d.back and a.state = 'pending'
from (
  select * from unnest(
    $1::bigint[], $2::boolean[], $3::text[], $4::text[], $5::integer[], $6::interval[], $7::bigint[], $8::real[]
  ) as a (delivery_id, heads, state, reason, attempts, delay, message_id, seconds) order by a.delivery_id
) a
where d.id = any(array[a.delivery_id]) and (d.state = 'sending' or (a.heads and d.state = 'pending'))
returning d.id
"""

ADD_ATTEMPTS = """
insert into outbox.attempt (delivery_id, token, outcome, reason, seconds, phase, resent)
select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::real[], $6::text[], $7::boolean[])
"""


async def record(conn: Connection, finishes: Sequence[Finish], over: Collection[int] | None = None) -> Recorded:
    """End attempts; those whose lease was lost meanwhile change nothing.

    Where a message carried several deliveries of a lane, all their ends come together: the lane goes on here. `over`:
    runs of which nothing is left then; None where nobody has counted.
    """
    if not any(_says_more(finish) for finish in finishes) and _are_alone(finishes):
        return await _end(conn, finishes, over)
    async with conn.transaction():
        runs = await run.lock(conn, [finish.claimed.token for finish in finishes])
        lanes = {finish.claimed.lane_id for finish in finishes if finish.claimed.token in runs}
        await lock(conn, lanes)
        sent = await run.heads(conn, runs, lanes)
        held = [finish for finish in finishes if (finish.claimed.token, finish.claimed.lane_id) in sent]
        heads = frozenset(sent.values())
        won = frozenset(row["id"] for row in await conn.fetch(MOVE, *_columns(held, heads)))
        kept = [finish for finish in held if finish.claimed.delivery_id in won]
        await run.leave(conn, runs, _may_come_again(kept, heads))
        await _add_attempts(conn, kept)
        await _pace(conn, kept)
        links = await _change_links(conn, kept)
        await _keep_live(conn, kept)
        await own_event.emit_all(conn, [told for finish in kept for told in finish.tell])
        # last and in a statement of its own: only so does it see what the relay added before our lock
        paced = await put_on(conn, {f.claimed.lane_id for f in kept if f.claimed.delivery_id in heads})
        await run.end(conn, runs, over)
    return Recorded(won, links, paced)


def _says_more(f: Finish) -> bool:
    """Tell whether an end says more than that its delivery was sent."""
    return (
        f.decision.state is not State.SENT
        or f.decision.reason is not None
        or f.claimed.attempts > 0
        or f.live is not None
        or f.link is not None
        or f.migrate_to is not None
        or f.restore_links > NO_TIME
        or f.tell != ()
        or _proves_well(f)
    )


def _are_alone(finishes: Sequence[Finish]) -> bool:
    """Tell whether each message carried one delivery."""
    return len({finish.claimed.lane_id for finish in finishes}) == len(finishes)


END = "select won, paced from outbox.end_attempts($1, $2, $3, $4, $5, $6, $7)"


async def _end(conn: Connection, finishes: Sequence[Finish], over: Collection[int] | None) -> Recorded:
    """End attempts that simply delivered, in one round trip."""
    tokens = [f.claimed.token for f in finishes]
    row = await conn.fetchrow(
        END,
        tokens,
        [f.claimed.delivery_id for f in finishes],
        [f.outcome.message_id if isinstance(f.outcome, Delivered) else None for f in finishes],
        [f.seconds for f in finishes],
        [f.every.total_seconds() for f in finishes],
        [f.burst for f in finishes],
        list(over or ()),
    )
    if over is None:
        await run.end(conn, tokens, over)
    return Recorded() if row is None else Recorded(frozenset(row["won"] or ()), paced=row["paced"])


def _may_come_again(finishes: Sequence[Finish], heads: AbstractSet[int]) -> list[int]:
    """List those heads that wait again, or that an operator may bring back."""
    again = (State.PENDING, State.DEAD, State.UNKNOWN)
    return [f.claimed.delivery_id for f in finishes if f.decision.state in again and f.claimed.delivery_id in heads]


def _columns(finishes: Sequence[Finish], heads: AbstractSet[int]) -> tuple[list[object], ...]:
    return (
        [f.claimed.delivery_id for f in finishes],
        [f.claimed.delivery_id in heads for f in finishes],
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
            [f.every.total_seconds() for f in paced],
            [f.burst for f in paced],
        )


async def _keep_live(conn: Connection, finishes: Sequence[Finish]) -> None:
    messages = [finish.live for finish in finishes if finish.live is not None]
    if messages:
        await live_message.put(conn, messages)


async def _change_links(conn: Connection, finishes: Sequence[Finish]) -> LinkMoves:
    moved = {f.claimed.recipient: f.migrate_to for f in finishes if f.migrate_to is not None}
    migrated = await chat_link.migrate(conn, moved) if moved else Migrated()
    well = [f.claimed.recipient for f in finishes if _proves_well(f)]
    opened = await chat_link.clear(conn, well) if well else 0
    refused = [_refusal(f, f.link) for f in finishes if f.link is not None]
    closed = await chat_link.refuse(conn, refused) if refused else {}
    skipped = await _skip_behind(conn, finishes, closed)
    within = max((f.restore_links for f in finishes), default=NO_TIME)
    restored = await chat_link.restore(conn, within) if within else 0
    return LinkMoves(skipped, Counter(closed.values()), restored, migrated.moved, migrated.displaced, opened)


def _proves_well(finish: Finish) -> bool:
    held_against = finish.claimed.link_fault is not None or finish.claimed.link_state not in (None, LinkState.ACTIVE)
    return held_against and isinstance(finish.outcome, Delivered)


def _refusal(finish: Finish, state: LinkState) -> ChatRefusal:
    return ChatRefusal(finish.claimed.recipient, finish.outcome.reason or state, state, finish.link_after)


async def _skip_behind(conn: Connection, finishes: Sequence[Finish], closed: Mapping[str, str]) -> Counter[str]:
    """Skip what waits behind a chat that cannot be written to any more."""
    lanes = {f.claimed.lane_id: closed[f.claimed.recipient] for f in finishes if f.claimed.recipient in closed}
    skipped = Counter[str]()
    for lane_id, count in (await lane_skip.skip(conn, lanes)).items():
        skipped[lanes[lane_id]] += count
    return skipped
