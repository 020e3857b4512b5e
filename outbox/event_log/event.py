"""Events: emitting them from a program of our own."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from outbox.database.connection import Connection
from outbox.error import InvalidEventError

HALF_PAIR = re.compile("[\ud800-\udfff]")
"""In a Python text a pair is one character: whatever is left is half of one."""

EMIT = "select outbox.emit($1, $2, $3, $4, $5, $6, $7)"


async def emit(  # noqa: PLR0913 (the parameters are those of outbox.emit)
    conn: Connection,
    type: str,  # noqa: A002 (the word of the contract)
    recipients: Sequence[str],
    payload: Mapping[str, Any] | None = None,
    *,
    dedupe_key: str | None = None,
    request_id: str | None = None,
    deliver_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> int:
    """Write one event in the connection's transaction and return its id; see `outbox.emit`.

    Raises:
        InvalidEventError: the event is refused; the message says why.

    """
    _require_storable((type, *recipients, payload, dedupe_key, request_id))
    values = (type, recipients, payload or {}, dedupe_key, request_id, deliver_at, expires_at)
    try:
        return int(await conn.fetchval(EMIT, *values))
    except asyncpg.InvalidParameterValueError as refused:
        raise InvalidEventError(str(refused)) from None
    except (asyncpg.DataError, asyncpg.UntranslatableCharacterError) as refused:
        raise InvalidEventError(f"the event cannot be stored: {type_of(refused)}") from None


WRITTEN = "select id from outbox.event where id = any($1::bigint[]) and xid = pg_current_xact_id()"


async def written(conn: Connection, ids: Collection[int]) -> frozenset[int]:
    """Tell which events this transaction has written: what `emit` gives may be an older one of the same key."""
    return frozenset(row["id"] for row in await conn.fetch(WRITTEN, ids))


def _require_storable(given: object) -> None:
    """Refuse text that PostgreSQL cannot hold, before it quotes it in its own log."""
    match given:
        case str():
            if "\0" in given:
                raise InvalidEventError("the event cannot be stored: a text holds a NUL")
            if not given.isascii() and HALF_PAIR.search(given):
                raise InvalidEventError("the event cannot be stored: a text holds half a surrogate pair")
        case Mapping():
            for item in given.items():
                _require_storable(item)
        case list() | tuple():
            for item in given:
                _require_storable(item)


def type_of(error: Exception) -> str:
    """Name a fault without its text, which can hold the payload."""
    return error.__class__.__name__
