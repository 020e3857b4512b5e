"""Drift: counters that are not what they count are found, a page at a time."""

from dataclasses import asdict

import pytest

from inapp import unread_drift
from inapp.reading import read_all, read_one
from inapp.unread_drift import START, DriftCount
from outbox.database.connection import Connection
from tests.integration.inboxes import counted, ids, notify
from workers.maintenance import unread_audit
from workers.maintenance.unread_audit import AuditRound, UnreadAudit
from workers.slices.maintain import maintain_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

NOW = 1_000_000.0
PEOPLE = ["ann", "bob", "cleo", "dan", "eve"]
SPOIL = "update outbox.inbox set unread = unread + 1 where recipient = any($1)"
MEND = "update outbox.inbox set unread = unread - 1 where recipient = any($1)"


@pytest.fixture(autouse=True)
async def _inboxes(conn: Connection) -> None:
    """Give five people two notifications each, of which one has read one and one all."""
    await notify(conn, 2, *PEOPLE)
    await read_one(conn, "bob", (await ids(conn, "bob"))[0])
    await read_all(conn, "cleo")


async def test_counters_that_are_right_have_not_drifted(conn: Connection) -> None:
    """Whatever has come and been read, no counter differs from its unread notifications."""
    assert await unread_drift.page(conn, START, 10) == DriftCount(0, None)


async def test_drift_is_counted_page_by_page(conn: Connection) -> None:
    """Each page counts its drifted recipients and says where the next one begins; an only just full one may be last."""
    await conn.execute(SPOIL, ["bob", "cleo"])
    await conn.execute(MEND, ["eve"])
    await conn.execute("update outbox.notification set read_at = now() where recipient = 'ann'")
    assert await unread_drift.page(conn, START, 3) == DriftCount(3, "cleo")
    assert await unread_drift.page(conn, "cleo", 3) == DriftCount(1, None)
    assert await unread_drift.page(conn, START, 5) == DriftCount(4, "eve")
    assert await unread_drift.page(conn, "eve", 5) == DriftCount(0, None)


async def test_the_watch_knows_what_a_round_has_found(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift is known as soon as its page is looked at, and is gone after a whole round without it."""
    monkeypatch.setattr(unread_audit, "PAGE", 2)
    watch, told, seen = UnreadAudit(), AuditRound(), []
    await conn.execute(SPOIL, ["dan"])
    for step in range(9):
        if step == 3:
            await conn.execute(MEND, ["dan"])
        told = await watch.step(conn, told, NOW + step * unread_audit.EVERY_S)
        seen.append(told.drifted)
    # three pages a round: found on its second, mended when the first round is over
    assert seen == [0, 1, 1, 1, 1, 0, 0, 0, 0]


async def test_the_watch_looks_now_and_then_only(conn: Connection) -> None:
    """A step that comes too early looks at nothing."""
    watch = UnreadAudit()
    told = await watch.step(conn, AuditRound(), NOW)
    await conn.execute(SPOIL, ["dan"])
    assert await watch.step(conn, told, NOW + 14) == told


async def test_one_worker_watches_for_all(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one worker goes through the inboxes no other does; when it has ended, another begins anew."""
    monkeypatch.setattr(unread_audit, "PAGE", 2)
    first, second = UnreadAudit(), UnreadAudit()
    await conn.execute(SPOIL, ["ann"])
    told = await first.step(conn, AuditRound(), NOW)
    assert await second.step(conn, told, NOW + 59) == told
    taken = await second.step(conn, told, NOW + 60)
    # found on its own first page, and counted once
    assert (taken.watcher, taken.found, second.at) == (second.name, 1, "bob")
    assert await first.step(conn, taken, NOW + 75) == taken


async def test_the_watch_names_nobody(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is stays with the watcher: nothing of a recipient stands in what all workers share."""
    monkeypatch.setattr(unread_audit, "PAGE", 2)
    told = await UnreadAudit().step(conn, AuditRound(), NOW)
    assert not set(PEOPLE) & {str(value) for value in asdict(told).values()}


async def test_the_worker_shows_drift(parts: WorkerParts, conn: Connection) -> None:
    """The worker's metric `unread_drift` is the number of recipients whose counter is wrong."""
    await conn.execute(SPOIL, ["ann", "eve"])
    await maintain_slice(parts, Slice(parts, once=True))
    assert parts.metrics.registry.get_sample_value("vestnik_unread_drift") == 2


async def test_a_counter_that_is_too_small_keeps_nobody_from_reading(conn: Connection) -> None:
    """Reading more than the counter knows of ends at zero, and not in a fault."""
    await conn.execute("update outbox.inbox set unread = 1 where recipient = 'ann'")
    done = await read_all(conn, "ann")
    assert (done.unread, done.version, done.changed) == (0, 4, 2)
    assert await counted(conn, "ann") == (0, 4, 0)
