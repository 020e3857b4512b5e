"""A storm: four workers, one killed every moment while messages are emitted; then everything is counted."""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from itertools import count

from outbox.database.connection import Connection, Pool
from tests.crash import judge, lease
from tests.crash.ledger import Ledger
from tests.crash.load import produce
from tests.crash.nursery import Child, Nursery
from tests.integration.stage import Stage, until_true

SECONDS = float(os.environ.get("VESTNIK_STORM_SECONDS", "60"))
"""How long it lasts."""
SEED = 20
PEOPLE = {f"p{number}": 1000 + number for number in range(300)}
WORKERS, PRODUCERS = 4, 3
KILLED = -9
SHORTEST_LIFE_S, LONGEST_LIFE_S = 0.5, 2.0
"""From one kill to the next."""
LEASE = timedelta(seconds=10)
"""In the place of the real one; much longer than an attempt takes, so that only the dead lose theirs."""
LOOK_S = 0.5


async def kill_and_replace(fleet: list[Child], start: Callable[[], Child], stop: asyncio.Event) -> list[Child]:
    """Kill one worker after the other, each with a successor at once; return the dead."""
    chance, dead = random.Random(SEED), list[Child]()
    while not stop.is_set():
        victim = fleet.pop(chance.randrange(len(fleet)))
        victim.kill()
        dead.append(victim)
        fleet.append(start())
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), chance.uniform(SHORTEST_LIFE_S, LONGEST_LIFE_S))
    return dead


async def end_leases(conn: Connection, stop: asyncio.Event) -> None:
    """End the leases of the dead all the while, so that their lanes are in the storm again."""
    while not stop.is_set():
        await lease.end(conn, older_than=LEASE)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_S)


async def blow(stage: Stage, stop: asyncio.Event) -> None:
    """Let it last, and until a message has come twice: a storm in which nothing happened would show nothing."""

    async def repeated() -> bool:
        return bool((await stage.order("GET", "counters"))["duplicates"])

    await asyncio.sleep(SECONDS)
    await until_true(repeated)
    stop.set()


async def storm(stage: Stage, pool: Pool, fleet: list[Child], start: Callable[[], Child]) -> tuple[Ledger, list[Child]]:
    """Emit and kill for a time; return what was committed, and the dead."""
    ledger, stop = Ledger(), asyncio.Event()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for seed in range(PRODUCERS):
            conn = await stack.enter_async_context(pool.acquire())
            tasks.create_task(produce(conn, ledger, list(PEOPLE), seed, stop))
        killing = tasks.create_task(kill_and_replace(fleet, start, stop))
        tasks.create_task(end_leases(await stack.enter_async_context(pool.acquire()), stop))
        tasks.create_task(blow(stage, stop))
    await stage.order("DELETE", "faults")
    return ledger, killing.result()


async def test_nothing_is_lost_in_a_storm(stage: Stage, cradle: Nursery, pool: Pool) -> None:
    """Every committed event arrives, in order, each copy is counted, none of the rolled back; in the inbox once."""
    names = count()

    def start() -> Child:
        return cradle.start(f"w{next(names)}", stage.folder, stage.environment)

    await stage.people(PEOPLE)
    for seconds, probability in ((0.1, 0.5), (0.05, 0.5)):
        slow = {
            "kind": "latency",
            "method": "sendMessage",
            "seconds": seconds,
            "probability": probability,
            "seed": SEED,
        }
        await stage.order("POST", "faults", slow)
    fleet = [start() for _ in range(WORKERS)]
    ledger, dead = await storm(stage, pool, fleet, start)
    await lease.let_settle(stage.conn, older_than=LEASE)
    for worker in fleet:
        # the youngest may have begun just now
        await worker.healthy()
        worker.terminate()
    assert [await worker.ended() for worker in fleet] == [0] * WORKERS
    assert {await worker.ended() for worker in dead} == {KILLED}
    evidence = await judge.gather(stage, PEOPLE)
    judge.check(ledger, evidence)
    assert [line for worker in fleet + dead for line in worker.lines() if line["level"] == "error"] == []
    assert ledger.rolled_back
    assert 0 < judge.copies(evidence) <= judge.resent(evidence)
