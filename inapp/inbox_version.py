"""The version of an inbox: it grows by one with each notification that comes and with each that is read."""

from collections.abc import Collection

from outbox.database.connection import Connection

VERSIONS = "select recipient, version from outbox.inbox where recipient = any($1::text[])"


async def versions(conn: Connection, recipients: Collection[str]) -> dict[str, int]:
    """Tell the versions of inboxes; who never got anything, or was forgotten, has none."""
    return {row["recipient"]: row["version"] for row in await conn.fetch(VERSIONS, recipients)}
