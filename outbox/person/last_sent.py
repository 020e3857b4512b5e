"""When a person's last Telegram message went out."""

from datetime import datetime

from outbox.database.connection import Connection

LOOKED_THROUGH = 100_000
"""Of all deliveries the newest: sent ones are in no index, and to read a table of millions for one answer is too
much."""

LAST_SENT = """
select d.settled_at from outbox.delivery d
where d.id > (select id from outbox.delivery order by id desc limit 1) - $2
  and d.lane_id is not distinct from (select id from outbox.lane where channel = 'telegram' and recipient = $1)
  and d.state = 'sent'
order by d.id desc limit 1
"""


async def last_sent(conn: Connection, recipient: str) -> datetime | None:
    """Say when the last message to a person was taken by Telegram; None where that was too long ago, or never."""
    moment: datetime | None = await conn.fetchval(LAST_SENT, recipient, LOOKED_THROUGH)
    return moment
