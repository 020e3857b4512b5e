"""Digests: what waits behind a lane's head, and may be sent in one message with it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import takewhile
from typing import assert_never

from outbox.database.connection import Connection
from outbox.delivery.outcome import Delivered, Outcome, Reject, Retry, Snooze, Unknown
from outbox.lane.lane_claim import Claimed

# the payload of as many as a message could list; the rest is only counted
FOLLOWING = """
select d.id, d.event_id, d.attempts, d.expires_at, d.reason, e.type, e.request_id, e.traceparent, e.created_at,
  case when d.place <= $4 then e.payload::text else '' end as payload,
  coalesce(
    d.state = 'pending' and e.type = any($5::text[]) and d.reason is distinct from 'digest'
    and (d.expires_at is null or d.expires_at > now()),
    false
  ) as fits
from (
  select id, event_id, attempts, expires_at, reason, state, row_number() over (order by lane_id, id) as place
  from outbox.delivery where lane_id = any(array[$1::bigint]) and phase = 'open' and id > $2
  order by lane_id, id limit $3
) d
left join lateral (
  select type, request_id, traceparent, created_at, payload
  from outbox.event e where e.id = any(array[d.event_id]) order by e.id limit 1
) e on true
order by d.id
"""


async def following(
    conn: Connection, head: Claimed, types: Collection[str], limit: int, payloads: int
) -> list[Claimed]:
    """List what follows the head of a lane without a gap and is of these types, in the lane's order.

    Due or not, since it only waits behind the head. All have what the head knows of lane and chat; `payloads` of them
    have a payload.
    """
    rows = await conn.fetch(FOLLOWING, head.lane_id, head.delivery_id, limit, payloads, list(types))
    return [
        replace(
            head,
            delivery_id=row["id"],
            event_id=row["event_id"],
            attempts=row["attempts"],
            expires_at=row["expires_at"],
            reason=row["reason"],
            type=row["type"],
            request_id=row["request_id"],
            traceparent=row["traceparent"],
            emitted_at=row["created_at"],
            payload=row["payload"],
        )
        for row in takewhile(lambda row: row["fits"], rows)
    ]


# behind the head of a lane whose lease holds: pending -> sending, all of them or none
CARRY = """
with held as materialized (
  select d.lane_id from (
    select id, heads from outbox.run where id = $2 and lease_until is not null for no key update
  ) r
  cross join lateral (
    select lane_id from outbox.delivery where id = $1 and id = any(r.heads) and state = 'pending' limit 1
  ) d
),
waiting as materialized (
  select d.id from outbox.delivery d
  where d.id = any($3::bigint[]) and d.state = 'pending' and d.lane_id = (select lane_id from held)
  order by d.id for no key update of d
)
update outbox.delivery d set state = 'sending' from waiting
where d.id = any(array[waiting.id]) and (select count(*) from waiting) = cardinality($3::bigint[])
"""


async def carry(conn: Connection, head: Claimed, carried: Sequence[Claimed]) -> bool:
    """Take deliveries into the attempt of their lane's head; say whether that was done.

    It is not where the lease is lost, or one of them is not pending any more.
    """
    done = await conn.execute(CARRY, head.delivery_id, head.token, [one.delivery_id for one in carried])
    return int(done.split()[-1]) == len(carried)


def of_carried(outcome: Outcome) -> Outcome:
    """Tell what the outcome of a lane's head means for those that its message carried.

    They arrived with it, or nobody knows; but a fault is the head's alone: whoever waits behind it costs no attempt.
    """
    match outcome:
        case Delivered() | Unknown():
            return outcome
        case Snooze(reason=reason) | Retry(reason=reason) | Reject(reason=reason):
            return Snooze(timedelta(0), reason)
        case _:
            assert_never(outcome)
