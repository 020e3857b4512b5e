"""The lookout: one look for all workers, which show the same."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from health import Check, CheckName, Status
from outbox.database.connection import Connection
from outbox.event_log.event import emit
from outbox.monitoring import gauge, leader, table_size
from tests.integration.stage import until_true
from workers.maintenance import gauge_leader
from workers.maintenance.gauge_leader import GaugeLeader
from workers.slices.maintain import maintain_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts

HOUR = timedelta(hours=1)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note each look."""
    noted: list[float] = []
    real = gauge.look

    async def look(conn: Connection, before: gauge.Gauge, now: float) -> gauge.Gauge:
        noted.append(now)
        return await real(conn, before, now)

    monkeypatch.setattr(gauge, "look", look)
    return noted


async def test_one_look_is_enough_for_all(
    conn: Connection, looks: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all workers that ask within the interval one looks, and all show what it has found."""
    monkeypatch.setattr(gauge_leader, "EVERY", HOUR)
    await emit(conn, "order.hint", ["anna"])
    await conn.execute("update outbox.event set created_at = now() - interval '1 hour'")
    seen = [await worker.step(conn, at_once=False) for worker in (GaugeLeader(), GaugeLeader(), GaugeLeader())]
    assert len(looks) == 1
    assert all(one.gauge == seen[0].gauge for one in seen)
    assert seen[2].gauge.relay_lag >= HOUR.total_seconds()


async def test_workers_that_watch_share_their_looks(parts: WorkerParts, conn: Connection, looks: list[float]) -> None:
    """Two workers that maintain side by side look no more often together than one does: once a second."""
    slices = [asyncio.create_task(maintain_slice(parts, Slice(parts))) for _ in range(2)]

    async def looked() -> bool:
        return len(looks) >= 4

    await until_true(looked)
    parts.stopping.set()
    await asyncio.gather(*slices)
    # a float of today's time is exact to a fraction of a microsecond
    between = [later - earlier for earlier, later in pairwise(looks)]
    assert min(between) > gauge_leader.EVERY.total_seconds() - 1e-6
    assert await conn.fetchval("select turn from outbox.gauge") == len(looks)


async def test_a_run_with_once_looks_itself(parts: WorkerParts, conn: Connection, looks: list[float]) -> None:
    """A run with --once looks however short ago another worker did."""
    await GaugeLeader().step(conn, at_once=False)
    await maintain_slice(parts, Slice(parts, once=True))
    assert len(looks) == 2


async def test_old_gauges_are_said_to_be_old(
    parts: WorkerParts, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has looked for long, though it was somebody's turn, the worker is degraded and says why."""
    monkeypatch.setattr(gauge_leader, "AT_ONCE", HOUR)
    taken = await leader.take(conn, HOUR)
    assert taken is not None
    parts.health.record(CheckName.RELAY, Check(Status.OK, "keeps up"))
    for age in (None, timedelta(seconds=16)):
        await conn.execute("update outbox.gauge set looked_at = now() - $1::interval", age)
        await maintain_slice(parts, Slice(parts, once=True))
        check = parts.health.checks[CheckName.RELAY]
        assert (check.status, check.detail) == (Status.DEGRADED, "gauges are old: see vestnik doctor")
    await leader.end(conn, taken, {})
    await maintain_slice(parts, Slice(parts, once=True))
    assert parts.health.checks[CheckName.RELAY].status is Status.OK


async def test_the_worker_shows_what_the_tables_take(parts: WorkerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's metric `outbox_bytes` has a sample for each large table, and one for the others together."""
    # a slow machine is no migration
    monkeypatch.setattr(table_size, "WITHIN", HOUR)
    await maintain_slice(parts, Slice(parts, once=True))
    tables = ("event", "batch", "delivery", "notification", "attempt", "lane", "other")
    for table in tables:
        assert parts.metrics.registry.get_sample_value("vestnik_outbox_bytes", {"table": table})
