"""Live messages: which message of a chat later events with the same key edit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from outbox.database.connection import Connection


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A message that later events with the same key edit."""

    lane_id: int
    key: str
    chat_id: int
    message_id: int


# a message in another chat, or one that was sent too long ago, is nothing to edit
FIND = """
select message_id from outbox.live_message
where lane_id = $1 and key = $2 and chat_id = $3 and sent_at > now() - $4::interval
"""


async def find(conn: Connection, lane_id: int, key: str, chat_id: int, within: timedelta) -> int | None:
    """Find the message that a chat got for a key within this time."""
    found: int | None = await conn.fetchval(FIND, lane_id, key, chat_id, within)
    return found


# an edited message keeps the time at which it was sent, and so its row as it is
PUT = """
insert into outbox.live_message as m (lane_id, key, chat_id, message_id)
select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
on conflict (lane_id, key) do update
set chat_id = excluded.chat_id, message_id = excluded.message_id, sent_at = now()
where (m.chat_id, m.message_id) is distinct from (excluded.chat_id, excluded.message_id)
"""


async def put(conn: Connection, messages: Sequence[LiveMessage]) -> None:
    """Remember messages that were sent or edited; the caller has locked their lanes."""
    await conn.execute(
        PUT,
        [message.lane_id for message in messages],
        [message.key for message in messages],
        [message.chat_id for message in messages],
        [message.message_id for message in messages],
    )


# a page of the table, in the order of its key: what is too old to be edited goes
PRUNE = """
with page as materialized (
  select lane_id, key, sent_at from outbox.live_message where (lane_id, key) > ($1, $2)
  order by lane_id, key limit $3
),
gone as (
  delete from outbox.live_message m using page p
  where m.lane_id = any(array[p.lane_id]) and m.key = p.key
    and p.sent_at <= now() - $4::interval and m.sent_at = p.sent_at
)
select lane_id, key from page order by lane_id desc, key desc limit 1
"""

START = (0, "")
"""Before every row: a lane's id is 1 or more."""


async def prune(conn: Connection, after: tuple[int, str], older_than: timedelta, limit: int) -> tuple[int, str]:
    """Delete what is too old among the next rows; return where to go on, which after the last row is the start."""
    last = await conn.fetchrow(PRUNE, *after, limit, older_than)
    return START if last is None else (last["lane_id"], last["key"])
