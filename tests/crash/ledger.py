"""The ledger: what a test has committed, by its own account."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from time import monotonic

from outbox.database.connection import Connection
from outbox.event_log import event


@dataclass(frozen=True, slots=True)
class Emitted:
    """One committed event."""

    number: int
    """By which its message can be told."""
    event_id: int
    type: str
    recipients: tuple[str, ...]
    transaction: int = 0
    begun: float = 0.0
    """A moment before its transaction began."""
    committed: float = 0.0
    """A moment after the commit was confirmed."""


class TakenBackError(Exception):
    """Ends a transaction that is to be rolled back."""


@dataclass(slots=True)
class Ledger:
    """All that was committed, and the numbers of what was rolled back."""

    committed: list[Emitted] = field(default_factory=list)
    rolled_back: set[int] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=count)
    transactions: Iterator[int] = field(default_factory=count)

    @asynccontextmanager
    async def transaction(self, conn: Connection) -> AsyncIterator["Page"]:
        """Write what is emitted in the block as one transaction; `TakenBackError` rolls it back."""
        page = Page(self, conn)
        begun = monotonic()
        try:
            async with conn.transaction():
                yield page
        except TakenBackError:
            self.rolled_back.update(emitted.number for emitted in page.written)
            return
        transaction, committed = next(self.transactions), monotonic()
        self.committed += [
            replace(emitted, transaction=transaction, begun=begun, committed=committed) for emitted in page.written
        ]

    async def emit(self, conn: Connection, type_: str, recipients: Sequence[str]) -> None:
        """Commit one event in a transaction of its own."""
        async with self.transaction(conn) as page:
            await page.emit(type_, recipients)


@dataclass(slots=True)
class Page:
    """What one transaction has emitted so far."""

    ledger: Ledger
    conn: Connection
    written: list[Emitted] = field(default_factory=list)

    async def emit(self, type_: str, recipients: Sequence[str]) -> None:
        """Emit one event."""
        number = next(self.ledger.numbers)
        event_id = await event.emit(self.conn, type_, recipients, {"number": number})
        self.written.append(Emitted(number, event_id, type_, tuple(recipients)))

    async def emit_and_take_back(self, type_: str, recipients: Sequence[str]) -> None:
        """Emit one event in a savepoint and roll that back."""
        savepoint = self.conn.transaction()
        await savepoint.start()
        await self.emit(type_, recipients)
        await savepoint.rollback()
        self.ledger.rolled_back.add(self.written.pop().number)
