"""Updates: which of Telegram's were handled, so that each is handled once, and which were vain attempts to link."""

from datetime import timedelta

from outbox.database.connection import Connection

KEPT = timedelta(hours=48)
"""Telegram sends an update again for 24 hours."""

FIRST = """
insert into outbox.telegram_update (bot_id, update_id, chat_id) values ($1, $2, $3)
on conflict do nothing returning true
"""


async def first(conn: Connection, bot_id: int, update_id: int, chat_id: int | None) -> bool:
    """Note an update, in the transaction of what it does; tell whether nobody has noted it before.

    Who is second waits for the first one's commit: where that is broken off, the second is the first.
    """
    return bool(await conn.fetchval(FIRST, bot_id, update_id, chat_id))


FAILED_START = "update outbox.telegram_update set failed_start = true where bot_id = $1 and update_id = $2"


async def note_failed_start(conn: Connection, bot_id: int, update_id: int) -> None:
    """Note that an update was a /start with a token that linked nothing."""
    await conn.execute(FAILED_START, bot_id, update_id)


FAILED_STARTS = """
select count(*) from outbox.telegram_update
where chat_id = $1 and failed_start and handled_at > now() - $2::interval
"""


async def failed_starts(conn: Connection, chat_id: int, within: timedelta) -> int:
    """Count a chat's vain attempts to link within this time."""
    return int(await conn.fetchval(FAILED_STARTS, chat_id, within))


PRUNE = """
delete from outbox.telegram_update t using (
  select bot_id, update_id from outbox.telegram_update where handled_at < now() - $1::interval
  order by handled_at limit $2 for update skip locked
) old
where t.bot_id = any(array[old.bot_id]) and t.update_id = old.update_id
"""


async def prune(conn: Connection, older_than: timedelta, limit: int) -> int:
    """Forget up to `limit` old updates; return how many."""
    return int((await conn.execute(PRUNE, older_than, limit)).split()[-1])
