import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from health import VERSION, Check, CheckName, Health, Status, worst

START = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """Return the time it stands at."""
        return self.now


def well(health: Health, *names: CheckName) -> None:
    """Let checks pass."""
    for name in names or CheckName:
        health.record(name, Check(Status.OK, "answered", 0.5))


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Status.OK),
        ([Status.OK], Status.OK),
        ([Status.OK, Status.DEGRADED], Status.DEGRADED),
        ([Status.UNHEALTHY, Status.DEGRADED], Status.UNHEALTHY),
        ([Status.DEGRADED, Status.UNHEALTHY, Status.OK], Status.UNHEALTHY),
    ],
)
def test_the_gravest_check_speaks_for_all(statuses: Iterable[Status], expected: Status) -> None:
    """The status of the whole is that of its worst check."""
    assert worst(Check(status) for status in statuses) is expected


def test_the_snapshot_is_the_contracts_health_file() -> None:
    """A snapshot has the contract's keys and nothing else."""
    clock = Clock()
    health = Health("worker", "worker-1", clock=clock)
    well(health)
    health.record(CheckName.REDIS, Check(Status.DEGRADED, "connection refused", 1.23456))
    health.counters.relayed += 5
    health.counters.sent += 3
    health.lag.relay_seconds = 0.25
    clock.now += timedelta(seconds=7, milliseconds=5)
    health.fail("unavailable")
    health.beat()
    passed = {"status": "ok", "detail": "answered", "latency_ms": 0.5}
    assert json.loads(json.dumps(health.snapshot())) == {
        "status": "degraded",
        "service": "worker",
        "instance": "worker-1",
        "version": VERSION,
        "pid": os.getpid(),
        "started_at": "2026-05-01T09:30:00.000Z",
        "heartbeat_at": "2026-05-01T09:30:07.005Z",
        "checks": {
            "postgres": passed,
            "redis": {"status": "degraded", "detail": "connection refused", "latency_ms": 1.235},
            "telegram": passed,
            "relay": passed,
        },
        "counters": {"relayed": 5, "sent": 3, "retried": 0, "dead": 0, "unknown": 0},
        "lag": {"relay_seconds": 0.25, "oldest_due_seconds": 0.0},
        "last_error": {"reason": "unavailable", "time": "2026-05-01T09:30:07.005Z"},
    }


def test_a_process_is_unhealthy_until_it_has_looked() -> None:
    """A process that has not yet checked all it uses is not ready."""
    health = Health("worker", "w")
    seen = [health.status]
    for name in (CheckName.POSTGRES, CheckName.REDIS, CheckName.TELEGRAM, CheckName.RELAY):
        well(health, name)
        seen.append(health.status)
    assert seen == [Status.UNHEALTHY, Status.UNHEALTHY, Status.UNHEALTHY, Status.UNHEALTHY, Status.OK]


def test_a_service_is_not_judged_by_what_it_does_not_use() -> None:
    """A service shows all four checks; one that it does not use is ok and says so."""
    health = Health("api", "a", uses=[CheckName.POSTGRES])
    well(health, CheckName.POSTGRES)
    assert health.status is Status.OK
    assert health.checks[CheckName.RELAY] == Check(Status.OK, "not used by this service")


def test_only_a_change_of_status_is_a_change() -> None:
    """A check that says the same again wakes nobody; one that changes its status does."""
    health = Health("worker", "w")
    well(health)
    health.changed.clear()
    health.record(CheckName.REDIS, Check(Status.OK, "answered", 9.0))
    assert not health.changed.is_set()
    health.record(CheckName.REDIS, Check(Status.DEGRADED))
    assert health.changed.is_set()


@pytest.mark.parametrize(
    "detail",
    [
        'password authentication failed for user "anna"',
        "[Errno 111] Connect call failed ('127.0.0.1', 5432)",
        "postgres://vestnik:secret@db/app",
        "7654321098:AAF4kQ-xyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "x" * 121,
    ],
)
def test_a_detail_that_is_an_exceptions_message_is_redacted(detail: str) -> None:
    """A check's detail is a few words of the code; what looks otherwise does not get out."""
    assert Check(Status.OK, detail).facts()["detail"] == "[redacted]"


def test_the_last_error_is_a_word() -> None:
    """The last error is remembered by its reason word, never by a text."""
    health = Health("worker", "w", clock=Clock())
    health.fail("could not reach Anna")
    assert health.snapshot()["last_error"] == {"reason": "malformed_reason", "time": "2026-05-01T09:30:00.000Z"}
    assert Health("worker", "w").snapshot()["last_error"] is None
