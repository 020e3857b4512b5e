"""Whether linked chats can be written to: what sends have shown, and what Telegram tells by itself.

Whose chat it is stands in `outbox.link.chat_link`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.lane import lane_skip, lane_wake
from outbox.lane.lane_skip import GivenUp
from outbox.link import link_audit
from outbox.link.chat_state import LinkState
from outbox.link.link_audit import AuditChange, Changed, How, changed


@dataclass(frozen=True, slots=True)
class ChatRefusal:
    """What a send has shown about a recipient's chat."""

    recipient: str
    fault: str
    """The reason of the refusal."""
    state: LinkState
    """What the chat is if that is so."""
    after: timedelta = timedelta(0)
    """Believe it only if the same was seen this long ago, with no success and no other fault between."""


# active -> blocked | unreachable | suspended, at once or after the same fault for so long;
# state_at is this transaction's exactly where the state has changed
REFUSE = """
update outbox.telegram_link t set
  state = case when a.believed then a.state else t.state end,
  state_at = case when a.believed and t.state <> a.state then now() else t.state_at end,
  fault = a.fault,
  fault_since = case when t.fault = a.fault then t.fault_since else now() end
from (
  select a.*, t.id, a.after = interval '0' or (t.fault = a.fault and t.fault_since <= now() - a.after) as believed
  from unnest($1::text[], $2::text[], $3::text[], $4::interval[]) as a (recipient, fault, state, after)
  cross join lateral (
    select id, fault, fault_since from outbox.telegram_link t
    where t.recipient = any(array[a.recipient]) and t.unlinked_at is null order by t.recipient limit 1
  ) t
) a
where t.id = any(array[a.id])
returning t.id, t.recipient, t.state, a.believed is true as believed, t.state_at = now() as changed
"""


async def refuse(conn: Connection, refusals: Sequence[ChatRefusal]) -> dict[str, LinkState]:
    """Write what sends have shown; return the chats that cannot be written to now, by recipient."""
    rows = await conn.fetch(
        REFUSE,
        [refusal.recipient for refusal in refusals],
        [refusal.fault for refusal in refusals],
        [refusal.state for refusal in refusals],
        [refusal.after for refusal in refusals],
    )
    believed = [row for row in rows if row["believed"]]
    changes = [Changed(row["id"], row["recipient"], AuditChange(row["state"])) for row in believed if row["changed"]]
    await link_audit.note(conn, changes, How.SEND)
    return {row["recipient"]: LinkState(row["state"]) for row in believed}


# whatever was held against it -> active: it has just taken a message
CLEAR = """
update outbox.telegram_link t set
  state = 'active', state_at = case when state = 'active' then state_at else now() end, fault = null, fault_since = null
where t.id = any(array(
  select o.id from unnest($1::text[]) a (recipient)
  cross join lateral (
    select t.id from outbox.telegram_link t
    where t.recipient = any(array[a.recipient]) and t.unlinked_at is null order by t.recipient limit 1
  ) o
)) and coalesce(t.unlinked_at, 'infinity') = 'infinity'
returning t.id, t.recipient, t.state_at = now() as changed
"""


async def clear(conn: Connection, recipients: Sequence[str]) -> int:
    """Forget what was held against chats that have taken a message; return how many were closed until then."""
    rows = [row for row in await conn.fetch(CLEAR, recipients) if row["changed"]]
    await link_audit.note(conn, changed(rows, AuditChange.ACTIVE), How.SEND)
    return len(rows)


# blocked | unreachable | suspended since then -> active; what Telegram has told by itself has no fault and stays
RESTORE = """
update outbox.telegram_link set state = 'active', state_at = now()
where unlinked_at is null and state <> 'active' and fault is not null and state_at > now() - $1::interval
returning id, recipient
"""


async def restore(conn: Connection, within: timedelta) -> int:
    """Take back what sends have made believe of chats within this time; return of how many."""
    rows = await conn.fetch(RESTORE, within)
    await link_audit.note(conn, changed(rows, AuditChange.ACTIVE), How.SEND)
    return len(rows)


WHOSE = """
select id, recipient from outbox.telegram_link
where chat_id = any(array[$1::bigint]) and unlinked_at is null order by chat_id
"""

# active -> blocked | unreachable | suspended. Telegram tells whole seconds: what has happened in the second of the
# link may have happened before it.
CLOSE = """
update outbox.telegram_link t set state = $2, state_at = $3, fault = null, fault_since = null
where id = $1 and coalesce(t.unlinked_at, 'infinity') = 'infinity' and state = 'active'
  and linked_at < $3 and state_at <= $3
returning true
"""


async def closed(conn: Connection, chat_id: int, state: LinkState, at: datetime) -> GivenUp | None:
    """Write that a chat cannot be written to since then, and skip what waits for it; None: that is no news."""
    async with conn.transaction():
        found = await conn.fetchrow(WHOSE, chat_id)
        if found is None:
            return None
        lanes = await lane_skip.lock_lanes(conn, Channel.TELEGRAM, [found["recipient"]])
        if not await conn.fetchval(CLOSE, found["id"], state, at):
            return None
        await link_audit.note(conn, changed([found], AuditChange(state)), How.MEMBER)
        skipped = await lane_skip.skip(conn, dict.fromkeys(lanes.values(), str(state)))
        await lane_wake.requeue(conn, list(lanes.values()))
    return GivenUp(skipped.total())


# blocked | unreachable | suspended -> active. A send's refusal is recorded later than it was made, so only what
# Telegram has told by itself (without a fault) can be newer than this.
OPEN = """
update outbox.telegram_link t set state = 'active', state_at = greatest(state_at, $2), fault = null, fault_since = null
where id = any(array(
  select o.id from outbox.telegram_link o
  where o.chat_id = any(array[$1::bigint]) and o.unlinked_at is null order by o.chat_id limit 1
)) and chat_id = $1 and coalesce(t.unlinked_at, 'infinity') = 'infinity' and state <> 'active'
  and (fault is not null or state_at <= $2)
returning id, recipient
"""


async def opened(conn: Connection, chat_id: int, at: datetime) -> bool:
    """Write that a chat can be written to again since then; tell whether that is news."""
    async with conn.transaction():
        row = await conn.fetchrow(OPEN, chat_id, at)
        if row is not None:
            await link_audit.note(conn, changed([row], AuditChange.ACTIVE), How.MEMBER)
    return row is not None
