"""Several workers, and a worker that is told to end: who delivers what, and that nothing is lost between them."""

import asyncio
import signal
from contextlib import ExitStack

from tests.integration.stage import PATIENCE_S, Stage, until_true

SLOW = {"kind": "latency", "method": "sendMessage", "seconds": 0.1}
SLOWER = {**SLOW, "seconds": 0.5}
"""So slow that all the work is seconds away from its end when it has just begun."""


async def test_three_workers_share_the_work(stage: Stage) -> None:
    """Three workers deliver everything between them, each has its part, each chat is in order, nothing twice."""
    people = {f"u{number}": 100 + number for number in range(30)}
    await stage.people(people)
    await stage.order("POST", "faults", SLOW)
    with ExitStack() as stack:
        workers = [stack.enter_context(stage.watching(name)) for name in ("w1", "w2", "w3")]
        for worker in workers:
            await worker.healthy()
        emitted = 0
        async with asyncio.timeout(PATIENCE_S):
            # one that the machine keeps waiting meanwhile finds nothing left: then there is more
            while not all(worker.lines("delivery_sent") for worker in workers):
                for number in range(emitted, emitted + 8):
                    await stage.emit(number, *people)
                emitted += 8
                await stage.sent(30 * emitted)
    assert [worker.process.returncode for worker in workers] == [0, 0, 0]
    assert [await stage.arrived(chat_id) for chat_id in people.values()] == [list(range(emitted))] * 30
    parts = [worker.lines("worker_stopped")[0]["sent"] for worker in workers]
    assert sum(parts) == 30 * emitted
    assert min(parts) > 0, parts
    assert sum(worker.lines("worker_stopped")[0]["relayed"] for worker in workers) == emitted


async def test_sigterm_records_what_is_in_flight(stage: Stage) -> None:
    """SIGTERM under load exits 0 with what was in flight recorded and no lease left; the next worker goes on."""
    people = {f"u{number}": 100 + number for number in range(30)}
    await stage.people(people)
    for number in range(4):
        await stage.emit(number, *people)
    await stage.order("POST", "faults", SLOWER)

    async def at_work() -> bool:
        return bool((await stage.order("GET", "counters"))["delivered"] >= 10)

    with stage.watching("w1") as worker:
        await until_true(at_work)
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0
    states = await stage.states()
    assert set(states) == {"sent", "pending"}, "it was told to end in the middle of the work"
    assert states["sent"] == (await stage.order("GET", "counters"))["delivered"]
    assert await stage.conn.fetchval("select count(*) from outbox.run where lease_until is not null") == 0
    await stage.order("DELETE", "faults")
    with stage.watching("w2") as worker:
        await stage.sent(120)
    assert worker.process.returncode == 0
    assert [await stage.arrived(chat_id) for chat_id in people.values()] == [[0, 1, 2, 3]] * 30


async def test_sigterm_lets_a_run_record_what_is_in_flight(stage: Stage) -> None:
    """SIGTERM in the middle of `--once` loses no outcome either: nothing is left in flight."""
    people = {f"u{number}": 100 + number for number in range(30)}
    await stage.people(people)
    await stage.emit(0, *people)
    await stage.order("POST", "faults", SLOWER)

    async def at_work() -> bool:
        return bool((await stage.order("GET", "counters"))["delivered"] >= 5)

    with stage.started("worker", "--once") as run:
        await until_true(at_work)
        run.send_signal(signal.SIGTERM)
        run.communicate()
    assert (await stage.states()).get("sending", 0) == 0
