"""Forgetting people, and who was forgotten: salted digests, so that a token from before opens nothing."""

from collections.abc import Sequence
from datetime import datetime

from outbox.cursor.snapshot_cursor import HOLD_RELAY
from outbox.database.connection import Connection
from outbox.lane import lane_skip

COUNT_OPEN = lane_skip.OPEN.join(("select count(*) from (", ") o"))

# pending | sending -> skipped
FORGET = "select outbox.forget($1)"


async def forget(conn: Connection, recipient: str) -> int:
    """Erase a person; return how many deliveries were not finished, and are skipped now."""
    async with conn.transaction():
        # as the function itself does: no relay between here and the commit
        await conn.execute(HOLD_RELAY)
        lanes = await lane_skip.lock_lanes_of(conn, recipient)
        count: int = await conn.fetchval(COUNT_OPEN, list(lanes.values()))
        await conn.execute(FORGET, recipient)
    return count


SINCE = "select forgotten_at from outbox.forgotten where digest = outbox.digest_of($1)"


async def since(conn: Connection, recipient: str) -> datetime | None:
    """Tell when a recipient was last forgotten; None: never."""
    at: datetime | None = await conn.fetchval(SINCE, recipient)
    return at


AMONG = """
select p.recipient, f.forgotten_at
from unnest($1::text[]) p (recipient)
cross join lateral (
  select forgotten_at from outbox.forgotten f where f.digest = outbox.digest_of(p.recipient) limit 1
) f
"""


async def among(conn: Connection, recipients: Sequence[str]) -> dict[str, datetime]:
    """Tell of those who were forgotten when that was last."""
    return {row["recipient"]: row["forgotten_at"] for row in await conn.fetch(AMONG, recipients)}
