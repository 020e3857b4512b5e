"""The load: producers that emit all the time, each on a connection of its own."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

from outbox.database.connection import Connection
from tests.crash.catalog import BOTH, HELD, INBOX
from tests.crash.ledger import Ledger, Page, TakenBackError

TYPES, WEIGHTS = (BOTH, HELD, INBOX), (5, 2, 3)
LARGEST_TRANSACTION = 4
PAUSE_S = 0.15
"""The longest pause between two transactions, and in one that is kept open."""


async def produce(conn: Connection, ledger: Ledger, people: Sequence[str], seed: int, stop: asyncio.Event) -> None:
    """Emit in transactions, some of which are rolled back, some with savepoints, some kept open for a while."""
    chance = random.Random(seed)
    while not stop.is_set():
        async with ledger.transaction(conn) as page:
            for _ in range(chance.randint(1, LARGEST_TRANSACTION)):
                await _emit(page, people, chance)
            if chance.random() < 0.3:
                await asyncio.sleep(chance.uniform(0, PAUSE_S))
            if chance.random() < 0.15:
                raise TakenBackError
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), chance.uniform(0, PAUSE_S))


async def _emit(page: Page, people: Sequence[str], chance: random.Random) -> None:
    type_ = chance.choices(TYPES, WEIGHTS)[0]
    recipients = chance.sample(people, chance.randint(1, 5))
    if chance.random() < 0.15:
        await page.emit_and_take_back(type_, recipients)
    else:
        await page.emit(type_, recipients)
