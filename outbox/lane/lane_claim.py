"""Lanes: all deliveries of one recipient on one channel, claimed whole, so that order needs nothing else.

Lanes that are due or being sent stand in runs, many in one row (see `outbox.run`); a claim leases runs and takes the
head of each lane. Whatever ends an attempt carries the run's id as its token; who has lost the lease writes nothing.

Everybody locks in this order: leased runs, lanes in the order of their ids, deliveries. A claim waits for nobody.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.lane import due
from outbox.lane.rotation import Rotation

LEASE = timedelta(seconds=45)
"""Longer than the client's timeout (30 s) and the 8 s that Telegram may hold an answer back."""

# always in the order of the ids, so that two who lock several lanes cannot wait for each other
LOCK = "select from outbox.lane where id = any($1::bigint[]) order by id for no key update"


async def lock(conn: Connection, lanes: Collection[int]) -> None:
    """Lock lanes until the transaction ends."""
    await conn.execute(LOCK, list(lanes))


# not frozen: with so many fields it would take three times as long to make, and each message makes one
@dataclass(slots=True, unsafe_hash=True)
class Claimed:
    """The head delivery of a leased lane, with what it takes to send it."""

    lane_id: int
    token: int
    """The run that it was claimed with."""
    delivery_id: int
    event_id: int
    recipient: str
    attempts: int
    """Attempts made before this one."""
    expires_at: datetime | None
    type: str
    payload: str
    """JSON as PostgreSQL writes it: read it by itself, for it may be one that Python cannot read."""
    request_id: str | None
    emitted_at: datetime
    locale: str | None
    """What they chose themselves, else what the application says."""
    chat_id: int | None
    thread_id: int | None
    claimed_at: datetime
    """The database's time of the claim."""
    reason: str | None = None
    """Why the last try did not deliver it."""
    link_state: str | None = None
    link_fault: str | None = None
    """What the chat's sends have been refused with since their last success."""
    in_pace: bool = True
    """The chat had kept its own pace when it was claimed."""
    urgent: bool = False
    """Something urgent waits in its lane, perhaps behind it."""
    quiet: str | None = None
    """What its person has chosen for quiet hours, for `quiet_hours` to read; None for most: they do nothing."""
    traceparent: str | None = None
    """The trace that its event belongs to, for `outbox.event_log.traceparent` to read; None for most."""


# runs that nobody has claimed -> leased, whole or the first part of one
CLAIM = "select * from outbox.claim($1, $2, $3, $4, $5, $6)"


async def claim_shares(  # noqa: PLR0913 (each of them by its name)
    conn: Connection,
    channel: Channel,
    shares: Mapping[str, int],
    *,
    urgent: int = 0,
    lease: timedelta = LEASE,
    paced: bool = True,
) -> list[Claimed]:
    """Lease due lanes, those due longest first, and take the head delivery of each.

    Up to `urgent` lanes in which something urgent waits; of the others up to a share for each type of head. `paced`:
    chats have a pace of their own, so look whether each has kept it.
    """
    rows = await conn.fetch(CLAIM, channel, urgent, list(shares), list(shares.values()), lease, paced)
    return [Claimed(*row) for row in rows]


async def claim(conn: Connection, channel: Channel, limit: int, *, lease: timedelta = LEASE) -> list[Claimed]:
    """Claim up to `limit` lanes, for one who does not remember whose turn it is."""
    seen = await due.look(conn, channel, limit)
    shares = Rotation().deal(seen.types, limit - seen.urgent)
    return await claim_shares(conn, channel, shares, urgent=seen.urgent, lease=lease)


# stands nowhere -> in a run, waiting or idle, by what comes next in the lane
PUT_ON = "select outbox.put_on($1)"


async def put_on(conn: Connection, lanes: Collection[int]) -> int:
    """Let lanes go on that stand in no run; return how many nothing but their chat's pace holds back.

    The caller has locked them in an earlier statement of the same transaction (see `outbox.lane.lane_wake`).
    """
    return int(await conn.fetchval(PUT_ON, list(lanes))) if lanes else 0


# the chat's pace moves on: GCRA with the theoretical arrival time kept in the lane
PACE = """
update outbox.lane l set
  paced_until = outbox.ready_after(l.paced_until, a.every, 1),
  ready_at = outbox.ready_after(l.paced_until, a.every, a.burst)
from unnest($1::bigint[], $2::float8[], $3::integer[]) a (lane_id, every, burst)
where l.id = any(array[a.lane_id])
"""


# due, or held back by nothing but our own pace; what is being sent is work that is under way
UNFINISHED = """
select exists (select from outbox.run)
    or exists (select from outbox.lane where due_at is not null and (due_at <= now() or due_at <= ready_at))
"""


async def unfinished(conn: Connection) -> bool:
    """Tell whether anything is due, being sent, or waits for nothing but its chat's pace."""
    return bool(await conn.fetchval(UNFINISHED))
