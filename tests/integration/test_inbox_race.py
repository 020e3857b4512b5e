"""Readers, writers and the relay at once: counters stay right, versions never go back."""

import asyncio
import random
from dataclasses import dataclass, field

from inapp import unread_drift
from inapp.unread_drift import START, DriftCount
from outbox.database.connection import Connection, Pool
from outbox.event_log import event
from outbox.relay import fan_out
from tests.integration.api_stage import ApiStage
from tests.integration.inboxes import ROUTES, assert_explained, notify
from tests.integration.stage import TYPE, payload

PATH = "/api/notifications"
PEOPLE = [f"u{number}" for number in range(200)]
BUSY, QUIET = PEOPLE[:4], 0.5
"""Half of what is done is done to a few, so that many meet there."""
ACTORS = 20
SPAN_S = 30.0
"""How long they go on."""


@dataclass(slots=True)
class Actor:
    """One of many who page, read and emit; it remembers the versions that it was told."""

    api: ApiStage
    random: random.Random
    seen: dict[str, int] = field(default_factory=dict)
    """The newest version of each inbox that was told."""
    back: list[tuple[str, int, int]] = field(default_factory=list)
    """Recipient, version known, and the older one that came after it."""
    read: int = 0
    """Notifications that its readings have changed."""

    async def act(self) -> None:
        """Do something to somebody's inbox."""
        who = self.random.choice(PEOPLE if self.random.random() < QUIET else BUSY)
        turns = [self.page, self.read_one, self.read_one, self.read_all, self.emit]
        await self.random.choice(turns)(who)

    async def page(self, who: str) -> None:
        """Look at one page."""
        await self.look(who)

    async def look(self, who: str) -> list[int]:
        """Look at one page, whose unread ones are no more than the counter says."""
        data = (await self.api.get(PATH, as_=who, params={"limit": "10"})).data
        unread = [one["id"] for one in data["notifications"] if one["readAt"] is None]
        assert len(unread) <= data["unread"]
        assert data["nextCursor"] is not None or len(unread) == data["unread"]
        self.note(who, data["version"])
        return unread

    async def read_one(self, who: str) -> None:
        """Read something that was unread a moment ago."""
        for one in (await self.look(who))[:1]:
            data = (await self.api.post(f"{PATH}/{one}/read", as_=who)).data
            self.note(who, data["version"])
            self.read += data["changed"]

    async def read_all(self, who: str) -> None:
        """Read everything."""
        data = (await self.api.post(f"{PATH}/read-all", as_=who)).data
        self.note(who, data["version"])
        self.read += data["changed"]

    async def emit(self, who: str) -> None:
        """Emit something for several people."""
        others = self.random.sample(PEOPLE, 20) + BUSY
        async with self.api.pool.acquire() as conn:
            await event.emit(conn, TYPE, [who, *others], payload(1))

    def note(self, who: str, version: int) -> None:
        """Hold a version against the newest that is known."""
        if version < self.seen.get(who, 0):
            self.back.append((who, self.seen[who], version))
        self.seen[who] = version


async def relay_on(pool: Pool, done: asyncio.Event) -> int:
    """Relay in small batches until all is done and relayed; return how many notifications that were."""
    written = 0
    async with pool.acquire() as conn:
        while True:
            last = done.is_set()
            batch = await fan_out.step(conn, ROUTES, limit=5)
            assert batch is not None
            written += batch.notifications
            if last and not batch.relayed and not batch.more:
                return written
            if not batch.relayed:
                await asyncio.sleep(0)


async def test_counters_are_right_whoever_reads_while_others_write(api: ApiStage, conn: Connection) -> None:
    """Twenty who page, read and emit over two hundred inboxes while the relay runs leave every counter right."""
    await notify(conn, 2, *PEOPLE)
    done = asyncio.Event()
    relaying = asyncio.create_task(relay_on(api.pool, done))
    actors = [Actor(api, random.Random(seed)) for seed in range(ACTORS)]

    loop = asyncio.get_running_loop()
    until = loop.time() + SPAN_S

    async def play(actor: Actor) -> None:
        while loop.time() < until:
            await actor.act()

    await asyncio.gather(*map(play, actors))
    done.set()
    came = 2 * len(PEOPLE) + await relaying
    assert [actor.back for actor in actors] == [[]] * ACTORS
    assert await unread_drift.page(conn, START, 1000) == DriftCount(0, None)
    await assert_explained(conn)
    read = sum(actor.read for actor in actors)
    assert (await conn.fetchval("select sum(unread) from outbox.inbox"), read > 0) == (came - read, True)
