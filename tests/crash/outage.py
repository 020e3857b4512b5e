"""An outage: two workers and a load, a fault that comes and goes, and the judge when everything has drained."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from health import read as read_health
from outbox.database.connection import connect
from tests.crash.judge import faults, gather
from tests.crash.nursery import Child, Nursery
from tests.crash.producer import Load, producing
from tests.integration.stage import Stage, until, until_true

PEOPLE = {f"u{number}": 100 + number for number in range(10)}
WORKERS = ("w1", "w2")

SOME = 20
"""Events that are a load."""

UNSETTLED = """
select exists (select from outbox.event e where not exists (select from outbox.batch b where b.events @> e.id))
    or exists (select from outbox.delivery where phase = 'open')
"""

OWN_FAULTS = frozenset(
    {"attempts_unrecorded", "message_failed", "process_crashed", "send_failed", "slice_failed", "unraisable_error"}
)
"""Lines of the log that no outage of others excuses."""


@dataclass(slots=True)
class Outage:
    """What a test needs to let a fault come and go under load."""

    stage: Stage
    load: Load
    workers: Sequence[Child]

    async def more(self, count: int = SOME) -> None:
        """Wait until so many more events have committed."""
        goal = self.load.committed + count
        await until(lambda: self.load.committed >= goal)

    async def at_work(self) -> None:
        """Wait until more messages have arrived."""
        goal = await self._delivered() + SOME

        async def enough() -> bool:
            return await self._delivered() >= goal

        await until_true(enough)

    async def _delivered(self) -> int:
        return int((await self.stage.order("GET", "counters"))["delivered"])

    async def told(self, check: str, status: str) -> None:
        """Wait until all health files say this of a check."""
        for worker in self.workers:
            await told(worker, check, status)

    def said(self, check: str) -> list[list[str]]:
        """Give what each worker's log says of a check, in the order of the lines."""
        return [said(worker, check) for worker in self.workers]


def check_of(worker: Child, check: str) -> dict[str, str]:
    """Read one check in a worker's health file; nothing before there is a file."""
    checks = read_health(worker.health).facts.get("checks")
    found: dict[str, str] = checks[check] if isinstance(checks, dict) else {}
    return found


async def told(worker: Child, check: str, status: str) -> None:
    """Wait until a worker's health file says this of a check that it has looked at."""

    def says() -> bool:
        found = check_of(worker, check)
        return found.get("status") == status and found.get("detail") != "not checked yet"

    await until(says)


def said(worker: Child, check: str) -> list[str]:
    """Give the statuses that a worker's log names for a check, in the order of the lines."""
    return [line["status"] for line in worker.lines("check_changed") if line["check"] == check]


@asynccontextmanager
async def outage(stage: Stage, cradle: Nursery, **environment: str) -> AsyncIterator[Outage]:
    """Run two workers under load for as long as the block lasts; then let all drain, end them, and judge."""
    await stage.people(PEOPLE)
    url = stage.environment["DATABASE_URL"]
    workers = [cradle.start(name, stage.folder, {**stage.environment, **environment}) for name in WORKERS]
    try:
        for worker in workers:
            await worker.healthy()
        async with producing(url, list(PEOPLE)) as running:
            made = Outage(stage, running, workers)
            await made.at_work()
            yield made
            await made.more()
        await drained(url)
        await end(workers)
        await judge(stage, running)
    finally:
        for worker in workers:
            worker.kill()


async def drained(url: str) -> None:
    """Wait until everything that has committed is relayed and settled."""
    conn = await connect(url)

    async def settled() -> bool:
        return not await conn.fetchval(UNSETTLED)

    await until_true(settled)
    await conn.close()


async def end(workers: Sequence[Child]) -> None:
    """Tell workers to end; each has lived until now, ends in order, and has complained of no fault of our own."""
    assert [worker.poll() for worker in workers] == [None] * len(workers), "an outage ends no worker"
    for worker in workers:
        worker.terminate()
    assert [await worker.ended() for worker in workers] == [0] * len(workers)
    assert [line for worker in workers for line in worker.lines() if line["event"] in OWN_FAULTS] == []


async def judge(stage: Stage, running: Load) -> None:
    """Judge on a connection of its own: the stage's may have gone with its server."""
    conn = await connect(stage.environment["DATABASE_URL"])
    found = faults(running.ledger, await gather(replace(stage, conn=conn), PEOPLE))
    await conn.close()
    assert not found, "\n".join(found[:40])
