"""What runs side by side: the floor, the product on each channel, and the peers, all asked the same things."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from health.version import VERSION
from tests.bench import catalog, floor, idle
from tests.bench.drain import Load, empty, fill, run
from tests.bench.peers.peer import Peer
from tests.bench.process import watching
from tests.bench.stage import Ground


class Contender(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """Name it."""

    @property
    def version(self) -> str:
        """Tell which version of it runs."""

    async def setup(self, ground: Ground) -> None:
        """Make what it needs on a database of its own."""

    async def fill(self, ground: Ground, jobs: int) -> None:
        """Take away what is left, and commit so many jobs."""

    async def seconds(self, ground: Ground, jobs: int, /) -> float:
        """Tell how long one worker takes, from its start until all are settled."""

    async def lags(self, ground: Ground, jobs: int) -> Sequence[float]:
        """Enqueue one by one; tell the milliseconds from BEGIN to the handler of each."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Claim and delete, and nothing else."""

    name: str = "floor"
    version: str = ""

    async def setup(self, ground: Ground) -> None:
        """Make its table."""
        await ground.conn.execute(floor.TABLE)

    async def fill(self, ground: Ground, jobs: int) -> None:
        """Insert them."""
        await floor.fill(ground.conn, jobs)

    async def seconds(self, ground: Ground, _jobs: int) -> float:
        """Drain the table."""
        return await floor.seconds(ground.url)

    async def lags(self, ground: Ground, jobs: int) -> Sequence[float]:
        """Wake by NOTIFY."""
        return [lag * 1000 for lag in await idle.bare_lags(ground, jobs)]


@dataclass(frozen=True, slots=True)
class Ours:
    """The product's own worker, on one channel."""

    name: str
    event_type: str
    version: str = VERSION

    async def setup(self, ground: Ground) -> None:
        """Find all in place."""

    async def fill(self, ground: Ground, jobs: int) -> None:
        """Commit the events."""
        await empty(ground)
        await fill(ground, Load(jobs, (self.event_type,)))

    async def seconds(self, ground: Ground, jobs: int) -> float:
        """Drain the events."""
        return (await run(ground, jobs)).seconds

    async def lags(self, ground: Ground, jobs: int) -> Sequence[float]:
        """Time the sends; into the inbox there are none."""
        if self.event_type == catalog.INAPP:
            return []
        async with watching(ground) as worker:
            await asyncio.sleep(idle.SETTLE_S)
            begun, _ = await idle.lags(ground, worker, jobs)
        return [lag * 1000 for lag in begun]


@dataclass(frozen=True, slots=True)
class Other:
    """A queue of other people."""

    peer: Peer

    @property
    def name(self) -> str:
        """Name it."""
        return self.peer.name

    @property
    def version(self) -> str:
        """Tell which version is pinned."""
        return self.peer.version

    async def setup(self, ground: Ground) -> None:
        """Let it make its schema."""
        await self.peer.ask(ground, "setup")

    async def fill(self, ground: Ground, jobs: int) -> None:
        """Empty its tables and fill them."""
        await ground.conn.execute("truncate " + self.peer.tables + " cascade")
        await self.peer.ask(ground, "fill", jobs)

    async def seconds(self, ground: Ground, jobs: int) -> float:
        """Let it drain them."""
        told = cast("dict[str, float]", await self.peer.ask(ground, "drain", jobs))
        return told["seconds"]

    async def lags(self, ground: Ground, jobs: int) -> Sequence[float]:
        """Let one process listen and another enqueue."""
        await ground.conn.execute("truncate " + self.peer.tables + " cascade")
        listener = await self.peer.start(ground, "listen", jobs)
        assert listener.stdout is not None
        assert await listener.stdout.readline() == b"READY\n"
        await self.peer.ask(ground, "emit", jobs)
        told, _ = await listener.communicate()
        seen: list[float] = json.loads(told.decode().splitlines()[-1])
        return seen
