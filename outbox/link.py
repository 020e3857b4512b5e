"""Links: which chat belongs to which recipient, and whether it can be written to."""

from collections.abc import Mapping
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


# active <-> blocked | unreachable | suspended
SET_STATES = """
update outbox.telegram_link t set state = a.state, state_at = now()
from unnest($1::text[], $2::text[]) a (recipient, state)
where t.recipient = a.recipient and t.unlinked_at is null and t.state <> a.state
"""


async def set_states(conn: Connection, states: Mapping[str, LinkState]) -> None:
    """Write whether recipients' chats can be written to."""
    await conn.execute(SET_STATES, list(states), list(states.values()))
