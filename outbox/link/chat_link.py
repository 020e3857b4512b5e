"""Links: which chat belongs to which recipient.

How they come and go stands in `outbox.link.linking`, whether a chat can be written to in `outbox.link.link_state`.
"""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from outbox.database.connection import Connection
from outbox.lane.lane_skip import GivenUp
from outbox.link import linking
from outbox.link.chat_state import LinkState
from outbox.link.link_audit import AuditChange, Audited, How, audit
from outbox.link.link_state import ChatRefusal, clear, closed, opened, refuse, restore
from outbox.link.linking import Linked, Migrated, Wanted, connect, connect_all, migrate

__all__ = [
    "AuditChange",
    "Audited",
    "ChatRefusal",
    "GivenUp",
    "How",
    "Link",
    "LinkState",
    "Linked",
    "Migrated",
    "Wanted",
    "audit",
    "clear",
    "closed",
    "connect",
    "connect_all",
    "disconnect",
    "list_links",
    "migrate",
    "of_chat",
    "of_recipient",
    "opened",
    "refuse",
    "restore",
]


@dataclass(frozen=True, slots=True)
class Link:
    """A recipient and a chat that belong together now."""

    id: int
    recipient: str
    chat_id: int
    thread_id: int | None
    """The topic of the chat that messages go to."""
    state: LinkState
    linked_at: datetime
    state_at: datetime
    """Since when its state is what it is."""


OF_CHAT = """
select id, recipient, chat_id, thread_id, state, linked_at, state_at from outbox.telegram_link
where chat_id = any(array[$1::bigint]) and unlinked_at is null order by chat_id
"""


async def of_chat(conn: Connection, chat_id: int) -> Link | None:
    """Find the link of a chat."""
    row = await conn.fetchrow(OF_CHAT, chat_id)
    return None if row is None else _link(row)


OF_RECIPIENT = """
select id, recipient, chat_id, thread_id, state, linked_at, state_at from outbox.telegram_link
where recipient = any(array[$1::text]) and unlinked_at is null order by recipient
"""


async def of_recipient(conn: Connection, recipient: str) -> Link | None:
    """Find the link of a recipient."""
    row = await conn.fetchrow(OF_RECIPIENT, recipient)
    return None if row is None else _link(row)


LIST = """
select id, recipient, chat_id, thread_id, state, linked_at, state_at from outbox.telegram_link
where id > $1 and case when unlinked_at is not null then false when $2::text is null then true else state = $2 end
order by id limit $3
"""


async def list_links(
    conn: Connection, *, state: LinkState | None = None, after: int = 0, limit: int = 500
) -> list[Link]:
    """List up to `limit` links, the oldest first; `after` is the id of the last one that is known."""
    return [_link(row) for row in await conn.fetch(LIST, after, state, limit)]


async def disconnect(conn: Connection, link: Link, how: How, *, operator: str | None = None) -> GivenUp | None:
    """End a link and skip what waits for its chat; None: it had ended before."""
    return await linking.disconnect(conn, link.id, link.recipient, how, operator)


def _link(row: asyncpg.Record) -> Link:
    return Link(**{**row, "state": LinkState(row["state"])})
