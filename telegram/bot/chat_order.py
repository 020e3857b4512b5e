"""Turns: what concerns the same chat goes one after the other, in the order in which it came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Row:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    people: int = 0


class Turns:
    """A row for each key, for as long as somebody stands in it."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}

    def standing(self, key: int) -> int:
        """Count who waits or is being served."""
        row = self._rows.get(key)
        return row.people if row else 0

    @asynccontextmanager
    async def of(self, key: int) -> AsyncIterator[None]:
        """Wait until all who came before are done."""
        row = self._rows.setdefault(key, _Row())
        row.people += 1
        try:
            async with row.lock:
                yield
        finally:
            row.people -= 1
            if row.people == 0:
                del self._rows[key]
