"""Runs: lanes that are due or being sent, many in one row, so that a claim and an end cost each lane no write.

A lane stands in one run at the most, with its head. A run that nobody has claimed only says where to look: its heads
may have been ended since, and a claim passes on those lanes. A run with a lease says what is being sent: its heads,
and what their messages carry.

Who ends a delivery that waits and who claims it exclude each other by its own row: whoever locks it first decides. A
claim skips what is locked; who ends deliveries locks them and looks in a later statement what is being sent.
"""

from collections.abc import Collection
from datetime import timedelta

from outbox.database.connection import Connection
from outbox.lane.lane_claim import LEASE, Claimed

LOCK = """
select id from outbox.run where id = any($1::bigint[]) and lease_until is not null order by id for no key update
"""


async def lock(conn: Connection, tokens: Collection[int]) -> list[int]:
    """Lock runs until the transaction ends; return those that are leased still."""
    return [row["id"] for row in await conn.fetch(LOCK, list(set(tokens)))]


HEADS = """
select s.token, s.lane_id, s.delivery_id from outbox.sending s
cross join lateral (select phase from outbox.delivery where id = any(array[s.delivery_id]) order by id limit 1) d
where s.token = any($1::bigint[]) and s.lane_id = any($2::bigint[]) and d.phase = 'open'
"""


async def heads(conn: Connection, tokens: Collection[int], lanes: Collection[int]) -> dict[tuple[int, int], int]:
    """Tell of lanes in runs that the caller has locked what is being sent: the head by token and lane."""
    rows = await conn.fetch(HEADS, list(tokens), list(lanes))
    return {(row["token"], row["lane_id"]): row["delivery_id"] for row in rows}


# what may be sent again is no longer of this run: its lease says nothing about it any more
LEAVE = """
update outbox.run r set
  lanes = array(select h.lane_id from unnest(r.lanes, r.heads) h (lane_id, head) where h.head <> all($2::bigint[])),
  heads = array(select h.head from unnest(r.lanes, r.heads) h (lane_id, head) where h.head <> all($2::bigint[]))
where r.id = any($1::bigint[])
"""


async def leave(conn: Connection, tokens: Collection[int], heads: Collection[int]) -> None:
    """Take lanes out of runs that the caller has locked."""
    if heads:
        await conn.execute(LEAVE, list(set(tokens)), list(heads))


END = "delete from outbox.run where id = any($1::bigint[])"

# for who keeps no count
END_OVER = """
delete from outbox.run r where r.id = any($1::bigint[]) and not exists (
  select from unnest(r.heads) h (head)
  cross join lateral (select phase from outbox.delivery d where d.id = any(array[h.head]) order by d.id limit 1) d
  where d.phase = 'open'
)
"""


async def end(conn: Connection, tokens: Collection[int], over: Collection[int] | None) -> None:
    """Take away runs of which nothing is left; `over` None: nobody has counted, so look which of these that are."""
    if over is None:
        await conn.execute(END_OVER, list(set(tokens)))
    elif over:
        await conn.execute(END, list(over))


# leases that ended: nobody knows what came of their attempts. The new lease is for whoever settles them.
TAKE_ENDED = """
with ended as materialized (
  select id from (
    select id, lease_until, sum(cardinality(lanes)) over (order by lease_until, id) - cardinality(lanes) as before
    from (
      select id, lease_until, lanes from outbox.run where lease_until <= now()
      order by lease_until limit $1 for no key update skip locked
    ) r
  ) r where before < $1
)
update outbox.run r set id = default, lease_until = now() + $2::interval from ended where r.id = any(array[ended.id])
returning r.id, r.heads
"""

CARRIED_AT_MOST = 100
"""No digest carries more."""

LOAD_SENDING = """
select d.lane_id, a.token, s.id as delivery_id, s.event_id, s.recipient, s.attempts, s.expires_at,
  e.type, e.payload::text, e.request_id, e.created_at as emitted_at, null, null::bigint, null::bigint,
  now() as claimed_at, null, null, null, true, false, null, e.traceparent
from unnest($1::bigint[], $2::bigint[]) a (token, head)
cross join lateral (select id, lane_id, phase from outbox.delivery where id = any(array[a.head]) order by id limit 1) d
cross join lateral (
  -- what a message carries follows the head without a gap
  select id, event_id, recipient, attempts, expires_at, state from outbox.delivery o
  where o.lane_id = d.lane_id and o.id >= d.id and o.phase = 'open' order by o.id limit $3
) s
cross join lateral (
  select type, payload, request_id, created_at, traceparent from outbox.event
  where id = any(array[s.event_id]) order by id limit 1
) e
where d.phase = 'open' and (s.id = d.id or s.state = 'sending')
order by a.token, d.id, s.id
"""


async def take_ended(conn: Connection, limit: int, *, lease: timedelta = LEASE) -> list[Claimed]:
    """Take over runs whose lease has ended, with the deliveries that were being sent; `limit` lanes or few more.

    A run of which nothing is left is taken away.
    """
    async with conn.transaction():
        runs = await conn.fetch(TAKE_ENDED, limit, lease)
        if not runs:
            return []
        tokens = [run["id"] for run in runs for _ in run["heads"]]
        heads = [head for run in runs for head in run["heads"]]
        taken = [Claimed(*row) for row in await conn.fetch(LOAD_SENDING, tokens, heads, CARRIED_AT_MOST)]
        busy = {claimed.token for claimed in taken}
        await end(conn, (), [run["id"] for run in runs if run["id"] not in busy])
    return taken
