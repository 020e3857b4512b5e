"""`unrouted` as an operator types it, and where else events of an unknown type are shown."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from health import read as read_health
from outbox.event_log import event
from outbox.monitoring import gauge
from outbox.monitoring.gauge import Gauge
from outbox.proof import completeness
from outbox.relay.fan_out import step
from tests.integration.inboxes import ROUTES
from tests.integration.stage import TYPE, Stage, Watching, payload, until

MISSPELT, OLDER = "payout.payd", "order.place"
EPOCH = datetime.fromtimestamp(0, UTC)


async def emitted(stage: Stage) -> None:
    """Emit two events of a misspelt type after an older one of another, and let the relay set them aside."""
    await event.emit(stage.conn, OLDER, ["anna"], {})
    await step(stage.conn, ROUTES)
    await stage.conn.execute("update outbox.waiting set since = since - interval '1 hour'")
    for number in (1, 2):
        await event.emit(stage.conn, MISSPELT, ["anna"], payload(number))
    await step(stage.conn, ROUTES)


def shown(worker: Watching) -> Any:
    """Read the checks of its health file."""
    return read_health(worker.health).facts["checks"]


async def test_what_waits_is_listed_by_type(stage: Stage) -> None:
    """`list` names each unknown type, how many events wait and since when; `status` has the sum."""
    await emitted(stage)
    listed = stage.run("unrouted", "list", "--json").facts
    assert [(one["type"], one["events"]) for one in listed] == [(OLDER, 1), (MISSPELT, 2)]
    age = datetime.now(UTC) - datetime.fromisoformat(listed[0]["oldest"])
    assert timedelta(hours=1) <= age < timedelta(hours=2)
    shown = stage.run("unrouted", "list").out
    assert [word in shown for word in (OLDER, MISSPELT)] == [True, True]
    assert stage.run("status", "--json").facts["unrouted"] == 3


async def test_what_is_given_up_is_counted_and_reaches_nobody(stage: Stage) -> None:
    """`discard` ends the waiting of one type; `prove` counts it, and a catalog with the type brings nothing back."""
    await emitted(stage)
    foreseen = stage.run("unrouted", "discard", MISSPELT, "--dry-run", "--json").facts
    assert [(one["type"], one["events"]) for one in foreseen] == [(MISSPELT, 2)]
    assert (await completeness.prove(stage.conn, EPOCH)).unrouted == 3
    done = stage.run("unrouted", "discard", MISSPELT, "--json")
    assert (done.code, [(one["type"], one["events"]) for one in done.facts]) == (0, [(MISSPELT, 2)])
    found = await completeness.prove(stage.conn, EPOCH)
    assert (found.holds, found.unrouted, found.waiting, found.discarded) == (True, 1, 1, 2)
    again = stage.run("unrouted", "discard", MISSPELT)
    assert (again.code, f"nothing is unrouted of type {MISSPELT}" in again.complaint) == (1, True)
    assert stage.run("unrouted", "discard").code == 1
    assert stage.run("unrouted", "discard", OLDER, "--all").code == 1


async def test_more_than_a_hundred_are_asked_about(stage: Stage) -> None:
    """Where nobody can be asked, `--yes` has to say it."""
    for number in range(101):
        await event.emit(stage.conn, MISSPELT, ["anna"], payload(number))
    await step(stage.conn, ROUTES)
    refused = stage.run("unrouted", "discard", "--all")
    assert (refused.code, "discard would change 101 events: say --yes" in refused.complaint) == (1, True)
    assert stage.run("unrouted", "discard", "--all", "--yes").code == 0
    assert (await completeness.prove(stage.conn, EPOCH)).discarded == 101


async def test_what_the_catalog_has_learned_is_relayed(stage: Stage) -> None:
    """`reroute` relays what waits for a type that the catalog has by now, and leaves the rest."""
    await event.emit(stage.conn, TYPE, ["anna"], payload(1))
    await event.emit(stage.conn, OLDER, ["anna"], {})
    known = {name: route for name, route in ROUTES.items() if name != TYPE}
    await step(stage.conn, type(ROUTES)(known))
    assert [one["type"] for one in stage.run("unrouted", "list", "--json").facts] == [TYPE, OLDER]
    assert [one["type"] for one in stage.run("unrouted", "reroute", "--dry-run", "--json").facts] == [TYPE]
    assert await stage.conn.fetchval("select count(*) from outbox.notification") == 0
    assert [(one["type"], one["events"]) for one in stage.run("unrouted", "reroute", "--json").facts] == [(TYPE, 1)]
    assert await stage.conn.fetchval("select count(*) from outbox.notification") == 1
    assert [one["type"] for one in stage.run("unrouted", "list", "--json").facts] == [OLDER]
    assert stage.run("unrouted", "reroute", "--json").facts == []
    assert (await completeness.prove(stage.conn, EPOCH)).holds


async def test_once_ends_well_and_names_what_waits(stage: Stage) -> None:
    """What waits for its type is not due: the run exits 0, and each run says what waits."""
    await emitted(stage)
    for _ in range(2):
        run = stage.run("worker", "--once")
        lines = [json.loads(line) for line in run.err.splitlines() + run.out.splitlines() if line.startswith("{")]
        named = [(line["type"], line["count"], line["reason"]) for line in lines if line["event"] == "events_wait"]
        assert (run.code, named) == (0, [(OLDER, 1, "unrouted"), (MISSPELT, 2, "unrouted")])


async def test_gauges_show_what_waits(stage: Stage) -> None:
    """Scheduled and unrouted events are counted apart, with some types and the age of the oldest."""
    await emitted(stage)
    later = datetime.now(UTC) + timedelta(days=1)
    await event.emit(stage.conn, TYPE, ["anna"], payload(3), deliver_at=later)
    await step(stage.conn, ROUTES)
    seen = await gauge.look(stage.conn, Gauge(), 0.0)
    assert (seen.waiting, seen.unrouted_types) == ({"scheduled": 1, "unrouted": 3}, [OLDER, MISSPELT])
    assert 3600 <= seen.oldest_unrouted < 7200


async def test_a_worker_says_that_something_waits(stage: Stage) -> None:
    """Health is degraded and names the type, the metrics count it, and the log has one line for each type."""
    with stage.watching() as worker:
        await worker.healthy()
        for number in (1, 2):
            await event.emit(stage.conn, MISSPELT, ["anna"], payload(number))
        wanted = {"status": "degraded", "detail": "2 events of unknown types wait: payout.payd", "latency_ms": None}
        await until(lambda: shown(worker)["relay"] == wanted)
        assert [line["type"] for line in worker.lines("events_unrouted")] == [MISSPELT]
