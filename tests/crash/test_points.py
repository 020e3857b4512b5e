"""A worker dies at each point of its work, and another one finishes; the judge is what people have got."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from outbox.lane.lane_claim import LEASE
from tests.crash import judge, lease
from tests.crash.catalog import BOTH, HELD, INBOX
from tests.crash.ledger import Ledger
from tests.crash.nursery import Nursery
from tests.crash.point import Point
from tests.integration.stage import Stage, until_true

PEOPLE = {f"p{number}": 100 + number for number in range(6)}
AT_ONCE = timedelta(0)
KILLED = -9

NOTHING_SENT = (Point.RELAYED, Point.CLAIMED, Point.BEFORE_REQUEST)


@dataclass(frozen=True, slots=True)
class Wreck:
    """What a dead worker has left."""

    relayed: int
    sending: int
    """Deliveries under its leases."""
    sent: int
    """Deliveries that are recorded as sent."""
    arrived: int
    """Messages that people have got."""


# what the dead worker had begun may still commit
AT_REST = """
select not exists (
  select from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'
)
"""


async def look(stage: Stage) -> Wreck:
    """Look at what a dead worker has left."""
    states = await stage.states()
    relayed = await stage.conn.fetchval(
        "select count(*) from outbox.event e where exists (select from outbox.batch b where b.events @> e.id)"
    )
    arrived = (await stage.order("GET", "counters"))["delivered"]
    return Wreck(relayed, states.get("sending", 0), states.get("sent", 0), arrived)


async def emit(stage: Stage, type_: str) -> Ledger:
    """Let people wait for three messages of a type, with one between that is for the inbox only."""
    ledger = Ledger()
    await stage.people(PEOPLE)
    for next_type in (type_, type_, INBOX, type_):
        await ledger.emit(stage.conn, next_type, list(PEOPLE))
    return ledger


async def die_at(point: Point, stage: Stage, cradle: Nursery) -> Wreck:
    """Run a worker until it has died at a point."""
    if point is Point.REACHED:
        await stage.order("POST", "faults", {"kind": "late_answer", "method": "sendMessage", "seconds": 60})
    mark = stage.folder / "mark"
    command = ("tests.crash.doomed", point, str(mark), stage.control)
    doomed = cradle.start("doomed", stage.folder, stage.environment, *command)
    assert await doomed.ended() == KILLED, doomed.log.read_text()
    assert mark.read_text().split()[0] == point
    await until_true(lambda: stage.conn.fetchval(AT_REST))
    await stage.order("DELETE", "faults")
    return await look(stage)


async def finish(stage: Stage, cradle: Nursery) -> None:
    """Let a healthy worker finish; the dead one's leases end at once."""
    await lease.end(stage.conn, older_than=AT_ONCE)
    worker = cradle.start("healthy", stage.folder, stage.environment)
    await lease.let_settle(stage.conn, older_than=LEASE)
    worker.terminate()
    assert await worker.ended() == 0
    assert [line for line in worker.lines() if line["level"] == "error"] == []


def check_wreck(point: Point, wreck: Wreck) -> None:
    """Hold what the dead worker has left against the point where it died."""
    assert wreck.relayed == (0 if point is Point.RELAYED else 4)
    assert (wreck.sending > 0) == (point is not Point.RELAYED) or point is Point.RECORDED
    assert (wreck.arrived > 0) == (point not in NOTHING_SENT)
    assert (wreck.sent > 0) == (point is Point.RECORDED)


@pytest.mark.parametrize("point", Point)
async def test_what_may_be_sent_again_arrives_and_each_copy_is_counted(
    stage: Stage, cradle: Nursery, point: Point
) -> None:
    """Wherever a worker dies: nothing is lost, order holds, what it was sending counts as sent twice if it may be."""
    ledger = await emit(stage, BOTH)
    wreck = await die_at(point, stage, cradle)
    check_wreck(point, wreck)
    await finish(stage, cradle)
    evidence = await judge.gather(stage, PEOPLE)
    judge.check(ledger, evidence)
    # whoever settles a dead worker's leases cannot know how far it came
    assert judge.resent(evidence) == wreck.sending
    assert judge.copies(evidence) <= (0 if point in NOTHING_SENT else wreck.sending)
    assert judge.copies(evidence) >= wreck.arrived - wreck.sent


@pytest.mark.parametrize("point", Point)
async def test_what_must_not_be_sent_again_arrives_once_at_the_most(
    stage: Stage, cradle: Nursery, point: Point
) -> None:
    """Wherever a worker dies: what it was sending is unknown and never sent again, all else arrives once."""
    ledger = await emit(stage, HELD)
    wreck = await die_at(point, stage, cradle)
    check_wreck(point, wreck)
    await finish(stage, cradle)
    evidence = await judge.gather(stage, PEOPLE)
    judge.check(ledger, evidence)
    assert judge.copies(evidence) == 0
    states = {state: count for state, count in (await stage.states()).items() if count}
    assert states == {"sent": 18 - wreck.sending, **({"unknown": wreck.sending} if wreck.sending else {})}
