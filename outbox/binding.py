"""Binding requests: one-time tokens, each of which links the chat that brings it to its recipient."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from outbox.database.connection import Connection

LIFETIME = timedelta(minutes=10)
BYTES = 24
TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
"""What `BYTES` random bytes are written as."""

# a newer token takes the place of the older
REQUEST = """
insert into outbox.binding_request as b (recipient, token_hash, expires_at) values ($1, $2, now() + $3::interval)
on conflict (recipient) do update set
  token_hash = excluded.token_hash, created_at = now(), expires_at = excluded.expires_at, consumed_at = null
returning b.expires_at
"""


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A token that links a chat to its recipient; it is known to nobody but whoever asked for it."""

    token: str
    expires_at: datetime


async def make(conn: Connection, recipient: str) -> BindingRequest:
    """Make a binding request; an older one of this recipient is worth nothing any more."""
    token = secrets.token_urlsafe(BYTES)
    return BindingRequest(token, await conn.fetchval(REQUEST, recipient, _hash(token), LIFETIME))


async def request(conn: Connection, recipient: str) -> str:
    """Make a binding request, for whoever needs its token alone."""
    return (await make(conn, recipient)).token


# open -> consumed
CONSUME = """
update outbox.binding_request set consumed_at = now()
where token_hash = $1 and consumed_at is null and expires_at > now()
returning recipient
"""


async def consume(conn: Connection, token: str) -> str | None:
    """Use a token up, in the transaction of the link; None where it is unknown, used or too old."""
    # what is malformed does not get as far as the database: not every text can be sent there
    if not TOKEN.fullmatch(token):
        return None
    found: str | None = await conn.fetchval(CONSUME, _hash(token))
    return found


VOID = "delete from outbox.binding_request where token_hash = $1"


async def void(conn: Connection, token: str) -> None:
    """Make a token worthless that others have seen."""
    if TOKEN.fullmatch(token):
        await conn.execute(VOID, _hash(token))


def address(base: str, username: str, token: str) -> str:
    """Write the address that opens the bot's chat with this token."""
    return f"{base.rstrip('/')}/{username}?start={token}"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
