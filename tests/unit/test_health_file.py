import asyncio
import json
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from health import Check, CheckName, Health, Probe, Status, get_logger, keep, read, write
from tests.integration.stage import PATIENCE_S

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
LONG = timedelta(hours=1)
SHORT = timedelta(milliseconds=5)


def healthy(beaten: datetime = NOW) -> Health:
    """Make a process whose checks have all passed."""
    health = Health("worker", "worker-1", clock=lambda: beaten)
    for name in CheckName:
        health.record(name, Check(Status.OK, "answered", 0.5))
    return health


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what another test has configured: a logger remembers its first use."""
    structlog.reset_defaults()
    monkeypatch.setattr("health.file.log", get_logger())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a health file that is not there yet."""
    return tmp_path / "worker.json"


@asynccontextmanager
async def keeping(health: Health, path: Path | None, beat: timedelta) -> AsyncIterator[asyncio.Task[None]]:
    """Keep the file during the block."""
    task = asyncio.create_task(keep(health, path, beat))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact, with a limit."""
    async with asyncio.timeout(PATIENCE_S):
        while not fact():  # noqa: ASYNC110 -- a file on a disk sets no event
            await asyncio.sleep(0.001)


def content(path: Path) -> dict[str, Any]:
    """Read the file, empty if it is not there."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_the_file_is_the_snapshot(path: Path) -> None:
    """The file holds the snapshot, everybody may read it, and nothing else is left in the folder."""
    health = healthy()
    mask = os.umask(0o077)
    try:
        write(path, health)
    finally:
        os.umask(mask)
    assert content(path) == health.snapshot()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(path: Path) -> None:
    """While the file is written again and again, every read gives a whole one."""
    health = healthy()
    write(path, health)
    writes = 0
    done = threading.Event()

    def write_on() -> None:
        nonlocal writes
        while not done.is_set():
            write(path, health)
            writes += 1

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        while writes < 300:
            assert read(path, NOW).exit_code is Probe.HEALTHY
    finally:
        done.set()
        writer.join()


def test_a_failed_write_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up during a write leaves the old file whole and no rest of the new one."""
    write(path, healthy())
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("health.file.os.fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, healthy())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


async def test_the_file_appears_at_once_and_beats(path: Path) -> None:
    """The keeper writes at once and then again and again, each time with a fresh heartbeat."""
    health = Health("worker", "w")
    async with keeping(health, path, SHORT):
        await until(path.exists)
        first = content(path)["heartbeat_at"]
        await until(lambda: content(path)["heartbeat_at"] > first)


async def test_a_change_of_status_is_written_without_waiting(path: Path) -> None:
    """A changed status reaches the file and the log at once, not with the next beat."""
    health = healthy()
    async with keeping(health, path, LONG):
        await until(lambda: content(path).get("status") == "ok")
        with capture_logs() as lines:
            health.record(CheckName.REDIS, Check(Status.DEGRADED, "connection refused"))
            await until(lambda: content(path)["status"] == "degraded")
            health.record(CheckName.REDIS, Check(Status.OK))
            await until(lambda: content(path)["status"] == "ok")
    assert lines == [
        {"event": "check_changed", "check": "redis", "status": "degraded", "log_level": "warning"},
        {"event": "check_changed", "check": "redis", "status": "ok", "log_level": "info"},
    ]


async def test_the_last_state_is_written_when_the_keeper_ends(path: Path) -> None:
    """A keeper that is cancelled writes once more, so that the last counts are not lost."""
    health = healthy()
    async with keeping(health, path, LONG) as task:
        await until(path.exists)
        health.counters.sent = 7
    assert task.cancelled()
    assert content(path)["counters"]["sent"] == 7


async def test_a_keeper_without_a_file_still_beats() -> None:
    """A process without a health file has a heartbeat for its metric all the same."""
    health = Health("worker", "w")
    started = health.heartbeat_timestamp()
    async with keeping(health, None, SHORT):
        await until(lambda: health.heartbeat_timestamp() > started)


async def test_a_folder_that_is_away_costs_the_file_only(path: Path) -> None:
    """The keeper outlives a folder that cannot be written, logs it once, and writes when it is back."""
    health = healthy()
    away = path.parent / "away" / "worker.json"
    with capture_logs() as lines:
        async with keeping(health, away, SHORT):
            await until(lambda: bool(lines))
            away.parent.mkdir()
            await until(away.exists)
    assert [line["event"] for line in lines] == ["health_file_unwritable"]


def test_a_fresh_file_of_a_healthy_process_is_healthy(path: Path) -> None:
    """Exit code 0 and the process's name for a fresh file whose checks are ok."""
    write(path, healthy())
    report = read(path, NOW + timedelta(seconds=15))
    assert (report.exit_code, report.reason) == (0, "ok: worker worker-1")
    assert report.facts["status"] == "ok"


@pytest.mark.parametrize(
    ("redis", "code", "reason"),
    [
        (Check(Status.DEGRADED, "connection refused"), 1, "degraded: redis (connection refused)"),
        (Check(Status.UNHEALTHY), 2, "unhealthy: redis"),
        (Check(Status.UNHEALTHY, 'user "anna"'), 2, "unhealthy: redis ([redacted])"),
    ],
)
def test_a_check_that_is_not_ok_is_named(path: Path, redis: Check, code: int, reason: str) -> None:
    """Exit code 1 degraded, 2 unhealthy, and the checks that made it so with their details."""
    health = healthy()
    health.record(CheckName.REDIS, redis)
    write(path, health)
    report = read(path, NOW)
    assert (report.exit_code, report.reason) == (code, reason)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (16, "stale: the last heartbeat was 16 s ago, 15 s are allowed"),
        (-60, "stale: the last heartbeat lies 60 s ahead, 15 s are allowed"),
    ],
)
def test_a_heartbeat_far_from_now_is_no_sign_of_life(path: Path, age: int, reason: str) -> None:
    """Exit code 2 for a heartbeat older than 15 s, and for one from the future, which would never get old."""
    write(path, healthy())
    report = read(path, NOW + timedelta(seconds=age))
    assert (report.exit_code, report.reason) == (2, reason)


def test_a_longer_life_may_be_allowed(path: Path) -> None:
    """What a timer runs once a minute may be older; a heartbeat from the future is not better for it."""
    write(path, healthy())
    minute = timedelta(seconds=60)
    codes = [read(path, NOW + timedelta(seconds=age), minute).exit_code for age in (60, 61, -16)]
    assert codes == [0, 2, 2]


def test_each_check_has_its_line(path: Path) -> None:
    """A report tells each check in words; a file that cannot be read has none."""
    health = healthy()
    health.record(CheckName.REDIS, Check(Status.UNHEALTHY, "out of reach"))
    write(path, health)
    assert read(path, NOW).checks() == [
        "postgres: ok: answered, 0.5 ms",
        "redis: unhealthy: out of reach",
        "telegram: ok: answered, 0.5 ms",
        "relay: ok: answered, 0.5 ms",
    ]
    assert read(path.with_name("none.json"), NOW).checks() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"status": "fine", "heartbeat_at": "2026-05-01T09:30:00Z"}',
        '{"status": "ok", "heartbeat_at": "yesterday"}',
        '{"status": "ok", "heartbeat_at": "2026-05-01T09:30:00"}',
        '{"status": "ok", "heartbeat_at": 5}',
        '{"status": ["ok"], "heartbeat_at": "2026-05-01T09:30:00Z"}',
        "\ud800",
    ],
)
def test_a_file_that_is_no_health_file_is_unhealthy(path: Path, text: str) -> None:
    """Exit code 2 and one clear line for a file that cannot be understood."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    report = read(path, NOW)
    assert (report.exit_code, report.reason) == (2, f"unreadable: {path} is no health file")
    assert not report.facts


def test_a_missing_file_is_unhealthy(path: Path) -> None:
    """Exit code 2 for a file that is not there, and for one that cannot be read."""
    assert read(path, NOW).reason == f"missing: there is no health file at {path}"
    assert read(path.parent, NOW).reason == f"unreadable: {path.parent}: Is a directory"
    assert read(path, NOW).exit_code == read(path.parent, NOW).exit_code == 2
