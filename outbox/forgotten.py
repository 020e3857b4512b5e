"""Who was forgotten: salted digests, so that a token from before opens nothing."""

from datetime import datetime

from outbox.database import Connection

SINCE = "select forgotten_at from outbox.forgotten where digest = outbox.digest_of($1)"


async def since(conn: Connection, recipient: str) -> datetime | None:
    """Tell when a recipient was last forgotten; None: never."""
    at: datetime | None = await conn.fetchval(SINCE, recipient)
    return at
