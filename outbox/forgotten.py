"""Who was forgotten: salted digests, so that a token from before opens nothing."""

from collections.abc import Sequence
from datetime import datetime

from outbox.database import Connection

SINCE = "select forgotten_at from outbox.forgotten where digest = outbox.digest_of($1)"


async def since(conn: Connection, recipient: str) -> datetime | None:
    """Tell when a recipient was last forgotten; None: never."""
    at: datetime | None = await conn.fetchval(SINCE, recipient)
    return at


AMONG = """
select p.recipient, f.forgotten_at
from unnest($1::text[]) p (recipient)
join outbox.forgotten f on f.digest = outbox.digest_of(p.recipient)
"""


async def among(conn: Connection, recipients: Sequence[str]) -> dict[str, datetime]:
    """Tell of those who were forgotten when that was last."""
    return {row["recipient"]: row["forgotten_at"] for row in await conn.fetch(AMONG, recipients)}
