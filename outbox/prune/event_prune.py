"""Pruning: an event that has come to its end long ago goes whole, with all that was made of it.

Whole, so that what is left still adds up; and only what nobody waits for: no person, no operator, no consumer.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import asyncpg

from outbox.cursor import snapshot_cursor
from outbox.database.connection import Connection

EVENTS = 1_000
"""Events in one transaction, at the most: nobody shall wait long for what it has locked."""
PAIRS = 20_000
"""Event-recipient pairs in one transaction; an event that has more comes alone."""
FIRST = 100
"""Events looked at in the first step: how many fit is known after it."""
PATIENCE = "set local lock_timeout = '1s'"
"""Whoever works goes before whoever tidies up."""


class Kept(StrEnum):
    """Why an event stays that is old enough to go."""

    WAITING = "waiting"
    """It is not relayed yet: its time has not come, or the relay has not."""
    CONSUMER = "consumer"
    """A named consumer has not read it."""
    STUCK = "stuck"
    """A delivery of it waits for an operator: dead, or unknown."""
    OPEN = "open"
    """A delivery of it is not finished."""
    UNREAD = "unread"
    """Somebody has not read its notification, and that is not old enough."""
    RECENT = "recent"
    """Something of it came to its end only lately."""
    BUSY = "busy"
    """Somebody else holds it at the moment: the next run takes it."""


@dataclass(frozen=True, slots=True)
class Ages:
    """How old what goes must be."""

    done: timedelta
    """Since it came to its end."""
    unread: timedelta
    """A notification that nobody has read, since it came."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """What is old enough, by the database's clock."""

    done: datetime
    """What came to its end before this."""
    unread: datetime
    """Notifications from before this, also unread ones."""


@dataclass(slots=True)
class Pruned:
    """What has gone, or would go, and what stays."""

    events: int = 0
    deliveries: int = 0
    notifications: int = 0
    unread: int = 0
    """Of these notifications, those that nobody had read."""
    kept: Counter[Kept] = field(default_factory=Counter)
    """Events that are old enough, each by the first reason that holds it."""
    behind: Counter[str] = field(default_factory=Counter)
    """Events that are old enough and that a consumer has not read, by its name."""


class Judged(NamedTuple):
    """An event that is old enough, and whether it may go."""

    id: int
    kept: str | None
    behind: Sequence[str] | None
    """Named consumers that have not read it."""
    deliveries: int
    notifications: int
    unread: int


MOMENT = "select now() - $1::interval, now() - $2::interval"


async def cutoff(conn: Connection, ages: Ages) -> Cutoff:
    """Tell what is old enough now; the same for the whole of a run."""
    row = await conn.fetchrow(MOMENT, ages.done, ages.unread)
    if row is None:  # a select without a table always answers
        raise AssertionError
    return Cutoff(*row)


async def prune(conn: Connection, before: Cutoff, *, dry_run: bool = False, pruned: Pruned | None = None) -> Pruned:
    """Take away what is old enough and at its end, in transactions of their own; what is done stays done.

    `pruned` is filled as it goes, for whoever wants to know how far it came.

    Raises:
        ForeignClusterError: who has read what is not known; see `outbox.cursor.lock`.

    """
    await snapshot_cursor.find(conn)
    pruned, last, limit = pruned or Pruned(), 0, FIRST
    while page := await conn.fetch(PAGE, last, limit, PAIRS, before.done):
        old = [row["id"] for row in page if row["old"]]
        if not old:
            break
        await _prune(conn, old, before, pruned, dry_run=dry_run)
        last, limit = page[-1]["id"], min(EVENTS, 2 * len(page))
    return pruned


# ids are taken in the order of time, nearly: whoever finds nothing old in a page has seen all that is
PAGE = """
select id, old from (
  select id, created_at <= $4 as old,
    sum(cardinality(recipients)) over (order by id) - cardinality(recipients) as pairs_before
  from (select id, created_at, recipients from outbox.event where id > $1 order by id limit $2) e
) e where pairs_before < $3 order by id
"""


async def _prune(conn: Connection, old: Sequence[int], before: Cutoff, pruned: Pruned, *, dry_run: bool) -> None:
    judged = await _judge(conn, old, before)
    going = [event for event in judged if event.kept is None]
    pruned.kept.update(Kept(event.kept) for event in judged if event.kept is not None)
    pruned.behind.update(name for event in judged for name in event.behind or ())
    if going and not dry_run:
        gone = await _remove(conn, going, before)
        pruned.kept[Kept.BUSY] += len(going) - len(gone)
        going = gone
    pruned.events += len(going)
    pruned.deliveries += sum(event.deliveries for event in going)
    pruned.notifications += sum(event.notifications for event in going)
    pruned.unread += sum(event.unread for event in going)


# What is judged to go stays so: a delivery that is done is never open again, what is read is never unread again, and
# no cursor goes back. The relay's own cursor counts too: what it may read again has to be in its ledger.
# With limits, and an index for the few cursors, it is a look-up for each event and pair whatever the planner believes.
JUDGE = """
select e.id,
  case
    when r.relayed_at is null or c.relay then 'waiting'
    when c.behind is not null then 'consumer'
    when d.stuck then 'stuck'
    when d.open then 'open'
    when n.awaited then 'unread'
    when greatest(r.relayed_at, d.ended_at, n.read_at) > $2 then 'recent'
  end,
  c.behind, d.rows, n.rows, n.unread
from unnest($1::bigint[]) a (id)
cross join lateral (
  select id, xid, recipients from outbox.event where id = any(array[a.id]) order by id limit 1
) e
left join lateral (select b.relayed_at from outbox.batch b where b.events @> a.id limit 1) r on true
cross join lateral (
  select coalesce(bool_or(c.consumer = 'relay'), false) as relay,
    array_agg(c.consumer) filter (where c.consumer <> 'relay') as behind
  from outbox.cursor c
  where c.consumer >= '' and not (
    pg_visible_in_snapshot(e.xid, c.low)
    or pg_visible_in_snapshot(e.xid, c.high) and (e.xid, e.id) <= (c.at_xid, c.at_id)
  )
) c
cross join lateral (
  select coalesce(bool_or(phase = 'open'), false) as open, coalesce(bool_or(phase = 'stuck'), false) as stuck,
    max(settled_at) as ended_at, count(*) as rows
  from outbox.delivery d where d.event_id = a.id
) d
cross join lateral (
  select coalesce(bool_or(n.read_at is null and n.created_at > $3), false) as awaited, max(n.read_at) as read_at,
    count(*) as rows, count(*) filter (where n.read_at is null) as unread
  from unnest(e.recipients) p (recipient)
  cross join lateral (
    select read_at, created_at from outbox.notification where recipient = p.recipient and event_id = a.id limit 1
  ) n
) n
"""


async def _judge(conn: Connection, ids: Sequence[int], before: Cutoff) -> list[Judged]:
    return [Judged(*row) for row in await conn.fetch(JUDGE, ids, before.done, before.unread)]


async def _remove(conn: Connection, going: Sequence[Judged], before: Cutoff) -> list[Judged]:
    """Take events away, unless somebody holds them or has changed them meanwhile; return those that are gone."""
    try:
        async with conn.transaction():
            await conn.execute(PATIENCE)
            gone = await _hold(conn, going, before)
            ids = [event.id for event in gone]
            await conn.execute(REMOVE_NOTIFICATIONS, ids)
            await conn.execute(REMOVE_DELIVERIES, ids)
            await conn.execute(LOCK_BATCHES, ids)
            await conn.execute(REMOVE_BATCHES, ids)
            await conn.execute(REMOVE_RELAYED, ids)
            await conn.execute(REMOVE_EVENTS, ids)
    except asyncpg.LockNotAvailableError:
        return []
    return gone


# Inboxes before events and notifications, sorted: whoever reads, relays or erases a person locks in this order. With a
# limit it stays a look-up for each pair; else it may be planned as one through all that somebody has not read.
LOCK_INBOXES = """
select from outbox.inbox i
where i.recipient = any(array(
  select n.recipient from unnest($1::bigint[]) a (id)
  cross join lateral (select recipients from outbox.event where id = any(array[a.id]) order by id limit 1) e
  cross join lateral unnest(e.recipients) p (recipient)
  cross join lateral (
    select n.recipient, n.read_at from outbox.notification n
    where n.recipient = p.recipient and n.event_id = a.id limit 1
  ) n
  where n.read_at is null
))
order by i.recipient for update
"""

LOCK_EVENTS = "select id from outbox.event where id = any($1::bigint[]) order by id for update skip locked"


async def _hold(conn: Connection, going: Sequence[Judged], before: Cutoff) -> list[Judged]:
    """Lock what is to go, and judge it again in a later statement: whoever erases a person changes the events."""
    unread = [event.id for event in going if event.unread]
    if unread:
        await conn.execute(LOCK_INBOXES, unread)
    held = [row["id"] for row in await conn.fetch(LOCK_EVENTS, [event.id for event in going])]
    return [event for event in await _judge(conn, held, before) if event.kept is None]


# An unread one takes its count along, and is a new version: whoever looks at the inbox is told that it has changed,
# and finds no row that says how, so the list is loaded anew.
REMOVE_NOTIFICATIONS = """
with gone as (
  delete from outbox.notification n
  using (
    select a.id, p.recipient from unnest($1::bigint[]) a (id)
    cross join lateral (select recipients from outbox.event where id = any(array[a.id]) order by id limit 1) e
    cross join lateral unnest(e.recipients) p (recipient)
    offset 0 -- one thing that has both: else only the one that it begins with may be looked up
  ) w
  where n.event_id = any(array[w.id]) and n.recipient = w.recipient
  returning n.recipient, n.read_at
), counted as (
  select recipient, count(*) as unread from gone where read_at is null group by recipient
)
update outbox.inbox i set unread = greatest(0, i.unread - c.unread), version = i.version + c.unread
from counted c where i.recipient = any(array[c.recipient])
"""

# attempts and what operators did go with them
REMOVE_DELIVERIES = "delete from outbox.delivery where event_id = any($1::bigint[])"

GONE = "(select range_agg(int8range(id, id, '[]')) from unnest($1::bigint[]) id)"
OF_BATCHES = " where b.events && " + GONE
# first, in a statement of its own: whoever else takes events out of the same batch leaves another rest
LOCK_BATCHES = OF_BATCHES.join(
    ("select from outbox.batch where id = any(array(select b.id from outbox.batch b", ")) order by id for update")
)
# not `<@`: the index would judge by the space between an event and the next, too
REMOVE_BATCHES = OF_BATCHES.join(("delete from outbox.batch b", " and isempty(b.events - " + GONE + ")"))
REMOVE_RELAYED = GONE.join(("update outbox.batch b set events = b.events - ", OF_BATCHES))
# by place, for whoever removes them has locked them: by id an empty table offers the index (xid, id), too
REMOVE_EVENTS = """
delete from outbox.event where ctid = any(array(
  select e.ctid from unnest($1::bigint[]) a (id)
  cross join lateral (select ctid from outbox.event where id = any(array[a.id]) order by id limit 1) e
))
"""
