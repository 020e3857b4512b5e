"""What goes on without a worker that was killed. How long it took is noted with the test, not asserted."""

import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from outbox.lane.lane_claim import LEASE
from tests.crash import judge, lease
from tests.crash.catalog import BOTH
from tests.crash.ledger import Ledger
from tests.crash.nursery import Child, Nursery
from tests.crash.point import Point
from tests.integration.stage import Stage, until, until_true

PEOPLE = {f"p{number}": 100 + number for number in range(30)}
AT_ONCE = timedelta(0)
KILLED, TERMINATED = -9, -15

Note = Callable[[str, object], None]


async def survivor_of(point: Point, stage: Stage, cradle: Nursery, ledger: Ledger) -> tuple[Child, float, list[str]]:
    """Let two workers work until one has died at a point; return the other, the moment, and whose lanes it left."""
    mark = stage.folder / "mark"
    command = ("tests.crash.doomed", point, str(mark), stage.control)
    survivor = cradle.start("survivor", stage.folder, stage.environment)
    doomed = cradle.start("doomed", stage.folder, stage.environment, *command)
    for worker in (survivor, doomed):
        await worker.healthy()

    async def dead() -> bool:
        # no more than two workers have in hand: what is measured is who goes on, not how fast
        if await lease.all_settled(stage.conn):
            await ledger.emit(stage.conn, BOTH, list(PEOPLE))
        return doomed.poll() is not None

    await until_true(dead)
    assert await doomed.ended() == KILLED
    died_at, moment, *held = mark.read_text().split()
    assert died_at == point
    await ledger.emit(stage.conn, BOTH, list(PEOPLE))
    return survivor, float(moment), held


async def finish(stage: Stage, worker: Child, ledger: Ledger) -> judge.Evidence:
    """Let a worker finish and end; nothing may be amiss."""
    await lease.let_settle(stage.conn, older_than=LEASE)
    worker.terminate()
    assert await worker.ended() == 0
    evidence = await judge.gather(stage, PEOPLE)
    judge.check(ledger, evidence)
    return evidence


ALL_RELAYED = """
select not exists (
  select from outbox.event e where not exists (select from outbox.batch b where b.events @> e.id)
)
"""
LONGEST_TO_RELAY = """
select extract(epoch from max(r.relayed_at - greatest(e.created_at, to_timestamp($1))))::float8
from outbox.batch r join outbox.event e on r.events @> e.id where r.relayed_at > to_timestamp($1)
"""


async def test_another_worker_relays_after_the_one_that_relayed_is_killed(
    stage: Stage, cradle: Nursery, record_property: Note
) -> None:
    """What a relay had not committed when it was killed, and what is emitted afterwards, the other worker relays."""
    ledger = Ledger()
    await stage.people(PEOPLE)
    survivor, moment, _ = await survivor_of(Point.RELAYED, stage, cradle, ledger)
    await until_true(lambda: stage.conn.fetchval(ALL_RELAYED))
    record_property("seconds_to_relay", await stage.conn.fetchval(LONGEST_TO_RELAY, moment))
    await finish(stage, survivor, ledger)


OPEN_ELSEWHERE = "select count(*) from outbox.delivery where phase = 'open' and recipient <> all ($1::text[])"
LONGEST_TO_SEND = """
select extract(epoch from max(settled_at - greatest(created_at, to_timestamp($1))))::float8
from outbox.delivery where settled_at > to_timestamp($1) and recipient <> all ($2::text[])
"""


async def test_lanes_that_a_killed_worker_did_not_hold_go_on(
    stage: Stage, cradle: Nursery, record_property: Note
) -> None:
    """Everybody whose lane was not in flight gets all messages, while the dead worker's lanes wait for their lease."""
    ledger = Ledger()
    await stage.people(PEOPLE)
    survivor, moment, held = await survivor_of(Point.CLAIMED, stage, cradle, ledger)
    await until_true(lambda: stage.conn.fetchval(ALL_RELAYED))

    async def only_held() -> bool:
        return not await stage.conn.fetchval(OPEN_ELSEWHERE, held)

    await until_true(only_held)
    assert 0 < len(held) < len(PEOPLE)
    assert (await stage.states())["sending"] == len(held)
    record_property("seconds_to_send", await stage.conn.fetchval(LONGEST_TO_SEND, moment, held))
    await lease.end(stage.conn, older_than=AT_ONCE)
    evidence = await finish(stage, survivor, ledger)
    assert (judge.resent(evidence), judge.copies(evidence)) == (len(held), 0)


def catches(worker: Child, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for a signal."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> number - 1 & 1)


async def test_a_second_sigterm_ends_a_worker_at_once_and_loses_nothing(stage: Stage, cradle: Nursery) -> None:
    """One that waits for late answers does not wait after a second SIGTERM; what was in flight counts as unknown."""
    ledger = Ledger()
    await stage.people(PEOPLE)
    await stage.order("POST", "faults", {"kind": "late_answer", "method": "sendMessage", "seconds": 60})
    await ledger.emit(stage.conn, BOTH, list(PEOPLE))
    hasty = cradle.start("hasty", stage.folder, stage.environment)

    async def waits() -> bool:
        return bool((await stage.order("GET", "counters"))["delivered"])

    await until_true(waits)
    hasty.terminate()
    await until(lambda: bool(hasty.lines("worker_stopping")))
    assert hasty.poll() is None
    # the line comes before the second signal is left to the system
    await until(lambda: not catches(hasty, signal.SIGTERM))
    hasty.terminate()
    assert await hasty.ended() == TERMINATED
    sending = (await stage.states())["sending"]
    await stage.order("DELETE", "faults")
    await lease.end(stage.conn, older_than=AT_ONCE)
    evidence = await finish(stage, cradle.start("next", stage.folder, stage.environment), ledger)
    assert judge.resent(evidence) == sending
    assert 0 < judge.copies(evidence) <= sending
