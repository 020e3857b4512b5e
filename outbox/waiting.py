"""What waits in a lane: skipped when it cannot or shall not go out any more, hastened when nothing holds it back.

The caller has locked the lanes in an earlier statement of the same transaction, and puts them right afterwards (see
`outbox.wake_up.requeue`).
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from outbox.channel import Channel
from outbox.database import Connection
from outbox.lane import lock


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


# pending -> skipped: all that waits behind a chat that cannot be written to
SKIP = """
update outbox.delivery d set
  state = 'skipped', reason = ($2::text[])[array_position($1::bigint[], d.lane_id)], settled_at = now()
where d.lane_id = any($1::bigint[]) and d.phase = 'open' and d.state = 'pending'
returning d.lane_id
"""


async def skip(conn: Connection, reasons: Mapping[int, str]) -> Counter[int]:
    """Skip all that waits in these lanes, each with its reason; count by lane."""
    rows = await conn.fetch(SKIP, list(reasons), list(reasons.values())) if reasons else []
    return Counter(row["lane_id"] for row in rows)


# pending -> skipped: what the person does not want any more
SKIP_TYPES = """
update outbox.delivery d set state = 'skipped', reason = $3, settled_at = now()
where d.lane_id = any($1::bigint[]) and d.phase = 'open' and d.state = 'pending'
  and (select e.type from outbox.event e where e.id = any(array[d.event_id]) order by e.id limit 1) = any($2::text[])
returning d.id
"""


async def skip_types(conn: Connection, lanes: Collection[int], types: Collection[str], reason: str) -> int:
    """Skip what waits in these lanes of some event types; return how many deliveries that were."""
    return len(await conn.fetch(SKIP_TYPES, list(lanes), list(types), reason)) if lanes and types else 0


# pending, held back for a reason -> pending, due now
HASTEN = """
update outbox.delivery d set due_at = now()
where d.lane_id = any($1::bigint[]) and d.phase = 'open' and d.state = 'pending' and d.reason = $2
  and d.due_at > now()
"""


async def hasten(conn: Connection, lanes: Collection[int], reason: str) -> None:
    """Make due what waits in these lanes for this reason."""
    await conn.execute(HASTEN, list(lanes), reason)
