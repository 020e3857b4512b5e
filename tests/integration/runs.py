"""Where lanes and deliveries stand, as runs say it, and what a test does to runs."""

from collections.abc import Collection
from datetime import timedelta

from outbox.database.connection import Connection
from outbox.lane import lane_claim

STATES = """
select d.recipient, d.reason,
  case when d.state = 'pending' and d.id in (select delivery_id from outbox.sending) then 'sending' else d.state end
    as state
from outbox.delivery d order by d.id
"""
"""All deliveries, in the states that whoever looks at them sees."""


async def states(conn: Connection) -> list[tuple[str, str | None]]:
    """List state and reason of all deliveries, in their order."""
    return [(row["state"], row["reason"]) for row in await conn.fetch(STATES)]


STANDING = """
select case
  when exists (
    select from outbox.run r cross join unnest(r.lanes, r.heads) h (lane_id, head)
    join outbox.delivery d on d.id = h.head
    where r.lease_until is not null and h.lane_id = l.id and d.phase = 'open'
  ) then 'leased'
  when exists (select from outbox.run r where r.lease_until is null and l.id = any(r.lanes)) then 'due'
  when l.busy then 'lost' when l.due_at is null then 'idle' when l.due_at <= now() then 'due' else 'waiting'
end from outbox.lane l where l.channel = 'telegram' and ($1::text is null or l.recipient = $1)
"""


async def standing(conn: Connection, recipient: str | None = None) -> str:
    """Say where somebody's lane stands, or the only one."""
    return str(await conn.fetchval(STANDING, recipient))


LANES = """
select l.recipient, coalesce(e.type, '') as type, coalesce(n.id <= l.last_urgent, false) as urgent
from outbox.lane l
left join lateral (
  select d.id, d.event_id from outbox.delivery d where d.lane_id = l.id and d.state = 'pending' order by d.id limit 1
) n on true
left join outbox.event e on e.id = n.event_id
where l.channel = 'telegram' order by l.recipient
"""


async def lanes(conn: Connection) -> list[tuple[str, str, bool]]:
    """List of all lanes the recipient, the type of what is next, and whether it goes as urgent."""
    found = [tuple(row) for row in await conn.fetch(LANES)]
    # a run that nobody has claimed says the same
    queued = await conn.fetch(
        "select l.recipient, r.type, r.urgent from outbox.run r cross join unnest(r.lanes) h (lane_id)"
        " join outbox.lane l on l.id = h.lane_id where r.lease_until is null"
    )
    for recipient, type_, urgent in queued:
        (known,) = [lane for lane in found if lane[0] == recipient]
        assert known == (recipient, known[1] if urgent else type_, urgent)
    return found


ENDED = "update outbox.run set lease_until = now() where lease_until is not null"


async def end_leases(conn: Connection) -> None:
    """Let all leases come to their end; nobody has noticed yet."""
    await conn.execute(ENDED)


async def lose(conn: Connection) -> None:
    """Let somebody else take over whatever is leased."""
    await conn.execute("update outbox.run set id = default where lease_until is not null")


# each lane into a run of its own
SPLIT = """
with old as (delete from outbox.run where lease_until is null returning *)
insert into outbox.run (type, urgent, due_at, lanes, heads)
select o.type, o.urgent, case when l.recipient = any($1::text[]) then now() - interval '1 hour' else o.due_at end,
  array[h.lane_id], array[h.head]
from old o cross join unnest(o.lanes, o.heads) h (lane_id, head) join outbox.lane l on l.id = h.lane_id
"""


async def due_longer(conn: Connection, recipients: Collection[str]) -> None:
    """Let the lanes of these people have been due for an hour longer than the others."""
    await conn.execute(SPLIT, list(recipients))


async def hurry(conn: Connection, *recipients: str) -> None:
    """Let something urgent wait in lanes of these people, which stand in runs."""
    async with conn.transaction():
        ids = [
            row["id"]
            for row in await conn.fetch("select id from outbox.lane where recipient = any($1::text[])", recipients)
        ]
        await lane_claim.lock(conn, ids)
        await conn.execute("update outbox.delivery set urgent = true where lane_id = any($1::bigint[])", ids)
        await conn.execute("update outbox.lane set last_urgent = $2 where id = any($1::bigint[])", ids, 2**62)
        await conn.execute("select outbox.move_on($1)", ids)


async def wait(conn: Connection, how_long: timedelta, recipient: str | None = None) -> None:
    """Let lanes that are due wait for a later time, or somebody's."""
    await due_longer(conn, [])
    await conn.execute(
        """
        with gone as (
          delete from outbox.run r where r.lease_until is null and (
            $2::text is null or (select recipient from outbox.lane where id = r.lanes[1]) = $2
          ) returning lanes
        )
        update outbox.lane set busy = false, due_at = now() + $1::interval from gone where id = any(gone.lanes)
        """,
        how_long,
        recipient,
    )


# as the relay leaves them, for deliveries that a test has written by itself
PUT_IN_RUNS = """
with ours as (
  select d.lane_id, min(d.id) as head from outbox.delivery d where d.phase = 'open' group by d.lane_id
), born as (
  insert into outbox.lane (id, channel, recipient, busy, head) overriding system value
  select lane_id, 'telegram', 'lane-' || lane_id, true, head from ours
)
insert into outbox.run (type, urgent, lanes, heads)
select 'news', false, array_agg(lane_id order by head), array_agg(head order by head)
from (select lane_id, head, (row_number() over (order by head) - 1) / 250 as part from ours) o group by part
"""


async def put_in_runs(conn: Connection) -> None:
    """Make the lanes of whatever is open, and put them into runs."""
    await conn.execute(PUT_IN_RUNS)
