"""Links: which chat belongs to which recipient, and whether it can be written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from outbox.database import Connection


class LinkState(StrEnum):
    """Whether a linked chat can be written to."""

    ACTIVE = "active"
    """Messages go out."""
    BLOCKED = "blocked"
    """The person has blocked the bot; unblocking resumes."""
    UNREACHABLE = "unreachable"
    """The chat is gone, or its owner is deactivated or never started the bot."""
    SUSPENDED = "suspended"
    """Telegram has refused the chat for long, or the bot lost its rights."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a send has shown about a recipient's chat."""

    recipient: str
    fault: str
    """The reason of the refusal."""
    state: LinkState
    """What the chat is if that is so."""
    after: timedelta = timedelta(0)
    """Believe it only if the same was seen this long ago, with no success and no other fault between."""


# the chat that a link names moves: a group became a supergroup
MIGRATE = """
update outbox.telegram_link t set chat_id = a.chat_id
from unnest($1::text[], $2::bigint[]) a (recipient, chat_id)
where t.recipient = a.recipient and t.unlinked_at is null
"""


# who held the chat so far is displaced
DISPLACE = """
update outbox.telegram_link t set unlinked_at = now()
from unnest($1::text[], $2::bigint[]) a (recipient, chat_id)
where t.chat_id = a.chat_id and t.unlinked_at is null and t.recipient <> a.recipient
"""


async def migrate(conn: Connection, chats: Mapping[str, int]) -> None:
    """Write the new chat ids of recipients' links; a chat has one link, so another's link to it ends."""
    await conn.execute(DISPLACE, list(chats), list(chats.values()))
    await conn.execute(MIGRATE, list(chats), list(chats.values()))


# active -> blocked | unreachable | suspended, at once or after the same fault for so long
REFUSE = """
update outbox.telegram_link t set
  state = case when a.believed then a.state else t.state end,
  state_at = case when a.believed and t.state <> a.state then now() else t.state_at end,
  fault = a.fault,
  fault_since = case when t.fault = a.fault then t.fault_since else now() end
from (
  select a.*, t.id, a.after = interval '0' or (t.fault = a.fault and t.fault_since <= now() - a.after) as believed
  from unnest($1::text[], $2::text[], $3::text[], $4::interval[]) as a (recipient, fault, state, after)
  join outbox.telegram_link t on t.recipient = a.recipient and t.unlinked_at is null
) a
where t.id = a.id
returning t.recipient, t.state, a.believed is true as believed
"""


async def refuse(conn: Connection, refusals: Sequence[Refusal]) -> dict[str, LinkState]:
    """Write what sends have shown; return the chats that cannot be written to now, by recipient."""
    rows = await conn.fetch(
        REFUSE,
        [refusal.recipient for refusal in refusals],
        [refusal.fault for refusal in refusals],
        [refusal.state for refusal in refusals],
        [refusal.after for refusal in refusals],
    )
    return {row["recipient"]: LinkState(row["state"]) for row in rows if row["believed"]}


# whatever was held against it -> active: it has just taken a message
CLEAR = """
update outbox.telegram_link t set
  state = 'active', state_at = case when state = 'active' then state_at else now() end, fault = null, fault_since = null
from unnest($1::text[]) as a (recipient)
where t.recipient = a.recipient and t.unlinked_at is null
"""


async def clear(conn: Connection, recipients: Sequence[str]) -> None:
    """Forget what was held against chats that have taken a message."""
    await conn.execute(CLEAR, recipients)


# blocked | unreachable | suspended since then -> active
RESTORE = """
update outbox.telegram_link set state = 'active', state_at = now()
where unlinked_at is null and state <> 'active' and state_at > now() - $1::interval
"""


async def restore(conn: Connection, within: timedelta) -> int:
    """Take back what was believed of chats within this time; return of how many."""
    return int((await conn.execute(RESTORE, within)).split()[-1])
