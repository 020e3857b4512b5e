"""Lanes: all deliveries of one recipient on one channel, claimed whole, so that order needs nothing else.

A claim leases due lanes with a new token and takes the head of each. Whatever ends an attempt carries that
token; who has lost the lease writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outbox import due
from outbox.channel import Channel
from outbox.database import Connection
from outbox.rotation import Rotation

LEASE = timedelta(seconds=45)
"""Longer than the client's timeout (30 s) and the 8 s that Telegram may hold an answer back."""

# always in the order of the ids, so that two who lock several lanes cannot wait for each other
LOCK = "select id, token from outbox.lane where id = any($1::bigint[]) order by id for no key update"


async def lock(conn: Connection, lanes: Sequence[int]) -> dict[int, int]:
    """Lock lanes until the transaction ends; return the token that each has then."""
    return {row["id"]: row["token"] for row in await conn.fetch(LOCK, lanes)}


# not frozen: with so many fields it would take three times as long to make, and each message makes one
@dataclass(slots=True, unsafe_hash=True)
class Claimed:
    """The head delivery of a leased lane, with what it takes to send it."""

    lane_id: int
    token: int
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
    """What its person has chosen for quiet hours, for `outbox.quiet_hours` to read; None for most: they do nothing."""
    traceparent: str | None = None
    """The trace that its event belongs to, for `outbox.traceparent` to read; None for most."""


# due lane -> leased; head: pending -> sending. Urgent lanes first, then of each type as many as its share allows.
CLAIM = """
with due as materialized (
  select id from (
    select id from outbox.lane where channel = $1 and urgent and due_at <= now()
    order by due_at limit $2 for update skip locked
  ) u
  union all
  select o.id from unnest($3::text[], $4::bigint[]) s (head_type, share) cross join lateral (
    select l.id from outbox.lane l
    where l.channel = $1 and l.head_type = s.head_type and l.due_at <= now() and not l.urgent
    order by l.due_at limit s.share for update skip locked
  ) o
),
held as (
  update outbox.lane l set due_at = null, lease_until = now() + $5::interval, token = l.token + 1
  where l.id = any(array(select id from due))
  returning l.id, l.token, l.recipient, l.urgent, l.paced_until <= now() as in_pace
),
head as materialized (
  select held.*, d.id as delivery_id
  from held cross join lateral (
    select id from outbox.delivery d
    where d.lane_id = any(array[held.id]) and d.phase = 'open' and d.state = 'pending' order by d.lane_id, d.id limit 1
  ) d
),
sending as (
  update outbox.delivery d set state = 'sending' from head
  where d.id = any(array[head.delivery_id]) and d.state = 'pending'
  returning d.id, d.lane_id, d.event_id, d.attempts, d.expires_at, d.reason, d.due_at,
    head.token, head.recipient, head.urgent, head.in_pace
)
select s.lane_id, s.token, s.id as delivery_id, s.event_id, s.recipient, s.attempts, s.expires_at,
  e.type, e.payload::text, e.request_id, e.created_at as emitted_at, coalesce(r.language, r.locale) as locale,
  t.chat_id, t.thread_id, now() as claimed_at, s.reason, t.state as link_state, t.fault as link_fault, s.in_pace,
  s.urgent,
  case when r.quiet <> 'off' then json_build_array(
    -- held until later and here all the same: something behind it cannot wait, so it goes without a sound
    case when s.reason = 'quiet_hours' and s.due_at > now() then 'silent' else r.quiet end,
    r.quiet_from, r.quiet_until, coalesce(r.zone, r.timezone)
  )::text end as quiet,
  e.traceparent
from sending s
left join lateral (
  select type, payload, request_id, created_at, traceparent
  from outbox.event e where e.id = any(array[s.event_id]) order by e.id limit 1
) e on true
left join lateral (
  select locale, timezone, language, zone, quiet, quiet_from, quiet_until from outbox.recipient r
  where r.recipient = s.recipient limit 1
) r on true
left join lateral (
  select chat_id, thread_id, state, fault from outbox.telegram_link t
  where t.recipient = any(array[s.recipient]) and t.unlinked_at is null order by t.recipient limit 1
) t on true
union all
-- those whose head was settled between the snapshot and the lock
select held.id, held.token, null, null, held.recipient, null, null, null, null, null, null, null, null, null, now(),
  null, null, null, held.in_pace, held.urgent, null, null
from held
where (select count(*) from sending) < (select count(*) from held)
  and held.id <> all(array(select lane_id from sending))
"""


async def claim_shares(
    conn: Connection, channel: Channel, shares: Mapping[str, int], *, urgent: int = 0, lease: timedelta = LEASE
) -> list[Claimed]:
    """Lease due lanes, those due longest first, and take the head delivery of each.

    Up to `urgent` lanes in which something urgent waits; of the others up to a share for each type of head.
    """
    rows = await conn.fetch(CLAIM, channel, urgent, list(shares), list(shares.values()), lease)
    claimed = [Claimed(*row) for row in rows if row["delivery_id"] is not None]
    if len(claimed) < len(rows):
        # its head was settled between the snapshot and the lock: look again with a newer snapshot
        empty = [row for row in rows if row["delivery_id"] is None]
        async with conn.transaction():
            await lock(conn, [row["lane_id"] for row in empty])
            await release(conn, [row["lane_id"] for row in empty], [row["token"] for row in empty])
    return claimed


async def claim(conn: Connection, channel: Channel, limit: int, *, lease: timedelta = LEASE) -> list[Claimed]:
    """Claim up to `limit` lanes, for one who does not remember whose turn it is."""
    seen = await due.look(conn, channel, limit)
    shares = Rotation().deal(seen.types, limit - seen.urgent)
    return await claim_shares(conn, channel, shares, urgent=seen.urgent, lease=lease)


# leased -> due or idle, by the lane's next pending delivery
RELEASE = due.NEXT.join(
    (
        """
update outbox.lane l set
  lease_until = null,
  -- not before now: a lane that comes back queues up behind the others, however long its messages have waited
  due_at = case when n.due_at is not null then greatest(now(), n.due_at, l.ready_at) end,
  head_type = coalesce(n.type, ''),
  -- with a limit it stays a look-up for each lane; an `exists` may be planned as one pass through all that is urgent
  urgent = l.urgent and (
    select true from outbox.delivery u
    where u.lane_id = l.id and u.phase = 'open' and u.urgent and u.state = 'pending' limit 1
  ) is true
from unnest($1::bigint[], $2::bigint[]) a (lane_id, token)
""",
        """
where l.id = any(array[a.lane_id]) and l.token = a.token
returning coalesce(l.due_at = l.ready_at and l.due_at > now(), false) as paced
""",
    )
)


async def release(conn: Connection, lanes: Sequence[int], tokens: Sequence[int]) -> int:
    """Give leases back; return how many of the lanes nothing but their chat's pace holds back.

    A lane whose token has moved on is left alone. The caller has locked these lanes in an earlier statement of the
    same transaction (see `outbox.wake_up`).
    """
    rows = await conn.fetch(RELEASE, lanes, tokens)
    return sum(row["paced"] for row in rows)


# the chat's pace moves on: GCRA with the theoretical arrival time kept in the lane
PACE = """
update outbox.lane l set
  paced_until = greatest(now(), paced_until) + a.every,
  ready_at = greatest(now(), paced_until) + a.every * (2 - a.burst)
from unnest($1::bigint[], $2::bigint[], $3::interval[], $4::integer[]) a (lane_id, token, every, burst)
where l.id = any(array[a.lane_id]) and l.token = a.token
"""


# due, or held back by nothing but our own pace; leased lanes are work that is under way
UNFINISHED = """
select exists (select from outbox.lane where due_at is not null and (due_at <= now() or due_at <= ready_at))
    or exists (select from outbox.lane where lease_until is not null)
"""


async def unfinished(conn: Connection) -> bool:
    """Tell whether anything is due, being sent, or waits for nothing but its chat's pace."""
    return bool(await conn.fetchval(UNFINISHED))


# leases that ended: nobody knows what came of their attempts. The new lease is for whoever settles them.
TAKE_ENDED = """
with ended as materialized (
  select id from outbox.lane where lease_until <= now() order by lease_until limit $1 for update skip locked
)
update outbox.lane l set lease_until = now() + $2::interval, token = l.token + 1
where l.id = any(array(select id from ended))
returning l.id as lane_id, l.token, l.recipient
"""

LOAD_SENDING = """
select a.lane_id, a.token, d.id as delivery_id, d.event_id, d.recipient, d.attempts, d.expires_at,
  e.type, e.payload::text, e.request_id, e.created_at as emitted_at, null, null::bigint, null::bigint,
  now() as claimed_at, null, null, null, true, false, null, e.traceparent
from unnest($1::bigint[], $2::bigint[]) a (lane_id, token)
cross join lateral (
  select * from outbox.delivery d
  where d.lane_id = any(array[a.lane_id]) and d.phase = 'open' and d.state = 'sending' order by d.lane_id, d.id
) d
cross join lateral (
  select type, payload, request_id, created_at, traceparent
  from outbox.event e where e.id = any(array[d.event_id]) order by e.id limit 1
) e
"""


async def take_ended(conn: Connection, limit: int, *, lease: timedelta = LEASE) -> list[Claimed]:
    """Take over lanes whose lease has ended, with the deliveries that were being sent.

    A lane that was sending nothing is released at once.
    """
    async with conn.transaction():
        rows = await conn.fetch(TAKE_ENDED, limit, lease)
        lanes, tokens = [row["lane_id"] for row in rows], [row["token"] for row in rows]
        taken = [Claimed(*row) for row in await conn.fetch(LOAD_SENDING, lanes, tokens)]
        busy = {claimed.lane_id for claimed in taken}
        idle = [(lane_id, token) for lane_id, token in zip(lanes, tokens, strict=True) if lane_id not in busy]
        await release(conn, [lane_id for lane_id, _ in idle], [token for _, token in idle])
    return taken
