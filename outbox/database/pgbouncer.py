"""PgBouncer in transaction mode: each transaction may run in another session, and none of them is ours to change.

`pgbouncer=true` in the address says that it stands between. Then no session is set to anything, nothing is prepared in
one, and nobody listens.
"""
# ruff: noqa: ANN401 (the driver's own arguments, handed on as they come)

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from outbox.database.planner import PLANNER

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    # asyncpg's classes take no parameters at run time
    _Connection = asyncpg.Connection

WORD = "pgbouncer="
YES, NO = f"{WORD}true", f"{WORD}false"

SET_LOCAL = "".join(f" set local {name} = {value};" for name, value in PLANNER.items())
"""Follows a BEGIN: what is said of a session elsewhere, for one transaction."""


def is_pooled(url: str) -> bool:
    """Tell whether the address says that PgBouncer stands between."""
    return YES in urlsplit(url).query.split("&")


def plain(url: str) -> str:
    """Take our word out of an address: the driver would send it to the server as a setting.

    Raises:
        ValueError: it says neither true nor false.

    """
    parts = urlsplit(url)
    words = parts.query.split("&")
    if any(word.startswith(WORD) and word not in {YES, NO} for word in words):
        raise ValueError(f"it must say {YES} or {NO}, or nothing of it")
    rest = [word for word in words if not word.startswith(WORD)]
    return urlunsplit(parts._replace(query="&".join(rest)))


def pooled(url: str) -> str:
    """Say in an address that PgBouncer stands between, whatever it has said of it; such a connection works anywhere.

    Raises:
        ValueError: as `plain`.

    """
    parts = urlsplit(plain(url))
    return urlunsplit(parts._replace(query=f"{parts.query}&{YES}" if parts.query else YES))


class PooledConnection(_Connection):
    """A connection whose every statement with arguments runs in a transaction that brings its settings along.

    A statement is described once and then parsed again with each execution, in the same round trip: a named one would
    be looked for in a session that has never heard of it.
    """

    _server_caps: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # while it learns a type asyncpg would switch jit off, in a session that others go on with
        self._server_caps = self._server_caps._replace(jit=False)

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109 (asyncpg's)
        """Begin a transaction with its settings in one round trip; all else as usual."""
        begins = not args and query.startswith("BEGIN")
        return await super().execute(f"{query}{SET_LOCAL}" if begins else query, *args, timeout=timeout)

    async def _execute(self, *args: Any, **options: Any) -> Any:
        async with self._within_transaction():
            return await super()._execute(*args, **options)  # type: ignore[misc]  # the stubs leave it out

    async def _executemany(self, *args: Any, **options: Any) -> Any:
        async with self._within_transaction():
            return await super()._executemany(*args, **options)  # type: ignore[misc]  # the stubs leave it out

    def _within_transaction(self) -> AbstractAsyncContextManager[object]:
        return nullcontext() if self.is_in_transaction() else self.transaction()

    async def _get_statement(self, *args: Any, **options: Any) -> Any:
        unnamed = {**options, "named": ""}
        statement = await super()._get_statement(*args, **unnamed)  # type: ignore[misc]  # the stubs leave it out
        statement.mark_unprepared()
        return statement
