"""Producers that emit on while servers come and go, and know of every event whether it committed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from outbox.database.connection import Connection, connect
from outbox.event_log import event
from tests.crash.catalog import BOTH
from tests.crash.ledger import Emitted, Ledger
from tests.integration.stage import PATIENCE_S
from workers.process.postgres_retry import OUT_OF_REACH

PRODUCERS = 2
PAUSE_S = 0.1
"""Between two emits of one producer: a load that two cores can carry beside all that is tested."""

AGAIN_S = 0.05

FIND = "select id from outbox.event where dedupe_key = $1"


@dataclass(slots=True)
class Load:
    """What the producers do, and the account that they keep of it."""

    url: str
    people: Sequence[str]
    ledger: Ledger = field(default_factory=Ledger)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def committed(self) -> int:
        """Count the events that are known to have committed."""
        return len(self.ledger.committed)

    async def produce(self) -> None:
        """Emit from one connection until the load ends; a connection that breaks is opened again."""
        while not self.stopping.is_set():
            with suppress(*OUT_OF_REACH):
                await self._produce(await connect(self.url))
            await self._rest(AGAIN_S)

    async def _produce(self, conn: Connection) -> None:
        try:
            while not self.stopping.is_set():
                await self._emit(conn, next(self.ledger.numbers))
                await self._rest(PAUSE_S)
        finally:
            conn.terminate()

    async def _emit(self, conn: Connection, number: int) -> None:
        """Emit in a transaction; where the connection breaks, ask on another one whether it committed."""
        who, begun = self._recipients(number), monotonic()
        try:
            async with conn.transaction():
                event_id = await event.emit(conn, BOTH, who, {"number": number}, dedupe_key=_key(number))
        except OUT_OF_REACH:
            found = await self._find(number)
            if found is None:
                self.ledger.rolled_back.add(number)
                raise
            event_id = found
        done = Emitted(number, event_id, BOTH, who, next(self.ledger.transactions), begun, monotonic())
        self.ledger.committed.append(done)

    def _recipients(self, number: int) -> tuple[str, ...]:
        """Write to everybody now and then, else to one or two."""
        if number % 10 == 0:
            return tuple(self.people)
        count = len(self.people)
        return tuple({self.people[number % count], self.people[-number % count]})

    async def _find(self, number: int) -> int | None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(*OUT_OF_REACH):
                    conn = await connect(self.url)
                    try:
                        found: int | None = await conn.fetchval(FIND, _key(number))
                        return found
                    finally:
                        conn.terminate()
                await asyncio.sleep(AGAIN_S)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()


def _key(number: int) -> str:
    return f"load-{number}"


@asynccontextmanager
async def producing(url: str, people: Sequence[str]) -> AsyncIterator[Load]:
    """Emit from several connections for as long as the block lasts; PostgreSQL must be there at its end."""
    made = Load(url, people)
    async with asyncio.TaskGroup() as producers:
        for _ in range(PRODUCERS):
            producers.create_task(made.produce())
        try:
            yield made
        finally:
            made.stopping.set()
