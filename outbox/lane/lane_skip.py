"""What waits in a lane: skipped when it cannot or shall not go out any more, hastened when nothing holds it back.

The caller has locked the lanes in an earlier statement of the same transaction, and puts them right afterwards (see
`outbox.lane.lane_wake.requeue`).
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.lane.lane_claim import lock


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A chat that nothing is sent to any more."""

    skipped: int
    """Deliveries that waited for it."""


LANES = """
select l.recipient, l.id from unnest($2::text[]) a (recipient)
cross join lateral (
  select recipient, id from outbox.lane
  where channel = any(array[$1::text]) and recipient = a.recipient order by channel limit 1
) l
"""


async def lock_lanes(conn: Connection, channel: Channel, recipients: Collection[str]) -> dict[str, int]:
    """Lock people's lanes of a channel until the transaction ends; return those that there are, by recipient.

    Who changes a person's link or choices too does this first: lanes go before everything else that is locked.
    """
    rows = await conn.fetch(LANES, channel, list(recipients)) if recipients else []
    lanes = {row["recipient"]: row["id"] for row in rows}
    if lanes:
        await lock(conn, list(lanes.values()))
    return lanes


LANES_OF = "select channel, id from outbox.lane where channel = any($2::text[]) and recipient = $1"


async def lock_lanes_of(conn: Connection, recipient: str) -> dict[Channel, int]:
    """Lock all lanes of one person until the transaction ends; return those that there are, by channel."""
    rows = await conn.fetch(LANES_OF, recipient, list(Channel))
    lanes = {Channel(row["channel"]): row["id"] for row in rows}
    if lanes:
        await lock(conn, list(lanes.values()))
    return lanes


# what is open in lanes: from their heads on, and what came back before
OPEN = """
select o.id from unnest($1::bigint[]) a (lane_id)
cross join lateral (select id, head from outbox.lane where id = any(array[a.lane_id]) order by id limit 1) l
cross join lateral (
  select id from outbox.delivery o where o.lane_id = l.id and o.id >= l.head and o.phase = 'open'
  union all
  select id from outbox.delivery o where o.lane_id = l.id and o.id < l.head and o.back and o.phase = 'open'
) o
"""

# whoever claims one of them now is waited for; after that nobody can, until we commit
LOCK_OPEN = OPEN.join(
    (
        "select d.id from outbox.delivery d where d.id = any(array(",
        ")) and d.state = 'pending' order by d.id for no key update",
    )
)


async def _lock_open(conn: Connection, lanes: Collection[int]) -> list[int]:
    """Lock what waits in lanes; some of it may be on its way all the same, as a later statement sees."""
    return [row["id"] for row in await conn.fetch(LOCK_OPEN, list(lanes))]


# pending -> skipped: all that waits behind a chat that cannot be written to
SKIP = """
update outbox.delivery d set state = 'skipped', reason = $2, settled_at = now()
where d.id = any($1::bigint[]) and d.state = 'pending' and d.id <> all(array(select delivery_id from outbox.sending))
returning d.lane_id
"""


async def skip(conn: Connection, reasons: Mapping[int, str]) -> Counter[int]:
    """Skip all that waits in these lanes, each with its reason; count by lane."""
    skipped = Counter[int]()
    for reason in sorted(set(reasons.values())):
        waiting = await _lock_open(conn, [lane_id for lane_id, its in reasons.items() if its == reason])
        skipped.update(row["lane_id"] for row in await conn.fetch(SKIP, waiting, reason))
    return skipped


# pending -> skipped: what the person does not want any more
SKIP_TYPES = """
update outbox.delivery d set state = 'skipped', reason = $3, settled_at = now()
where d.id = any($1::bigint[]) and d.state = 'pending' and d.id <> all(array(select delivery_id from outbox.sending))
  and (select e.type from outbox.event e where e.id = any(array[d.event_id]) order by e.id limit 1) = any($2::text[])
returning d.id
"""


async def skip_types(conn: Connection, lanes: Collection[int], types: Collection[str], reason: str) -> int:
    """Skip what waits in these lanes of some event types; return how many deliveries that were."""
    if not (lanes and types):
        return 0
    return len(await conn.fetch(SKIP_TYPES, await _lock_open(conn, lanes), list(types), reason))


# pending, held back for a reason -> pending, due now
HASTEN = """
update outbox.delivery d set due_at = now()
where d.id = any($1::bigint[]) and d.state = 'pending' and d.reason = $2 and d.due_at > now()
"""


async def hasten(conn: Connection, lanes: Collection[int], reason: str) -> None:
    """Make due what waits in these lanes for this reason."""
    await conn.execute(HASTEN, await _lock_open(conn, lanes), reason)
