"""The health file: written whole by a process that lives, read by `vestnik print-health`."""

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path

from health.check import CheckName, Health, Status, utc_now
from health.field import clean, phrase
from health.log import get_logger
from health.notify import Notifier

BEAT = timedelta(seconds=5)
"""How often the file is written when nothing changes."""
STALE = timedelta(seconds=15)
"""A heartbeat older than this is no sign of life: three were missed."""
MODE = 0o644
"""Everybody on the machine may read it: it holds neither persons nor secrets."""

log = get_logger()


class Probe(IntEnum):
    """The exit code of `vestnik print-health`."""

    HEALTHY = 0
    """All works."""
    DEGRADED = 1
    """Work goes on, not all is well."""
    UNHEALTHY = 2
    """Work stands still, or there is no sign of life."""


_VERDICTS = {
    Status.OK: Probe.HEALTHY,
    Status.DEGRADED: Probe.DEGRADED,
    Status.UNHEALTHY: Probe.UNHEALTHY,
}


@dataclass(frozen=True, slots=True)
class Report:
    """Say what a health file tells a reader."""

    exit_code: Probe
    reason: str
    """One line for the operator."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """The file's content; empty where it cannot be read."""

    def checks(self) -> list[str]:
        """Give a line for each check that the file has."""
        found = self.facts.get("checks")
        named = found if isinstance(found, dict) else {}
        return [_line(name, named[name]) for name in CheckName if isinstance(named.get(name), dict)]


def write(path: Path, health: Health) -> None:
    """Write the health file whole.

    Raises:
        OSError: the folder is missing or cannot be written.

    """
    put(path, f"{json.dumps(health.snapshot(), indent=2)}\n")


def put(path: Path, text: str) -> None:
    """Put a whole file in place in one step: a reader sees the old one or the new one, and everybody may read it.

    Raises:
        OSError: the folder is missing or cannot be written.

    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, MODE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, MODE)  # the process's umask may have taken the readers away
            file.write(text)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise


async def keep(health: Health, path: Path | None, beat: timedelta = BEAT, *, notifier: Notifier | None = None) -> None:
    """Beat, write and tell the service manager until cancelled, and once more then; without a path nothing is written.

    A disk that is full or gone is logged once and costs the file only.
    """
    notifier = notifier or Notifier({})
    keeper = _Keeper(health, path, notifier)
    beat = min(beat, notifier.beat or beat)
    try:
        while True:
            keeper.turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(beat.total_seconds()):
                    await health.changed.wait()
            health.changed.clear()
    finally:
        keeper.turn()


class _Keeper:
    """Write the file again and again; log when that begins to fail."""

    def __init__(self, health: Health, path: Path | None, notifier: Notifier) -> None:
        self._health = health
        self._path = path
        self._notifier = notifier
        self._writable = True

    def turn(self) -> None:
        self._health.beat()
        if self._path is not None:
            self._write(self._path)
        self._notifier.tell(self._health)

    def _write(self, path: Path) -> None:
        try:
            write(path, self._health)
        except OSError as error:
            if self._writable:
                log.warning("health_file_unwritable", error=error, setting="HEALTH_FILE")
            self._writable = False
        else:
            self._writable = True


def read(path: Path, now: datetime | None = None, max_age: timedelta = STALE) -> Report:
    """Judge a health file as an operator's probe does; `max_age`: how old a sign of life may be."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        status, beaten = Status(facts["status"]), datetime.fromisoformat(facts["heartbeat_at"])
        age = (now or utc_now()) - beaten
    except FileNotFoundError:
        return Report(Probe.UNHEALTHY, f"missing: there is no health file at {path}")
    except OSError as error:
        return Report(Probe.UNHEALTHY, f"unreadable: {path}: {error.strerror}")
    except (ValueError, TypeError, KeyError):
        return Report(Probe.UNHEALTHY, f"unreadable: {path} is no health file")
    seconds = f"{age.total_seconds():.0f} s"
    if not -STALE <= age <= max_age:
        when, most = (f"was {seconds} ago", max_age) if age > max_age else (f"lies {seconds.lstrip('-')} ahead", STALE)
        allowed = f"{most.total_seconds():.0f} s are allowed"
        return Report(Probe.UNHEALTHY, f"stale: the last heartbeat {when}, {allowed}", facts)
    return Report(_VERDICTS[status], f"{status}: {_why(facts)}", facts)


def _why(facts: Mapping[str, object]) -> str:
    """Name the checks that are not ok, or who is."""
    checks = facts.get("checks")
    found = checks if isinstance(checks, dict) else {}
    faults = [_fault(name, found[name]) for name in CheckName if name in found]
    named = ", ".join(fault for fault in faults if fault)
    return named or f"{clean(facts.get('service'))} {clean(facts.get('instance'))}"


def _fault(name: CheckName, check: object) -> str:
    if not isinstance(check, dict) or check.get("status") == Status.OK:
        return ""
    detail = phrase(str(check.get("detail", "")))
    return f"{name} ({detail})" if detail else name.value


def _line(name: CheckName, check: Mapping[str, object]) -> str:
    latency = check.get("latency_ms")
    took = f", {latency:.1f} ms" if isinstance(latency, float) else ""
    return f"{name}: {clean(check.get('status'))}: {phrase(str(check.get('detail', '')))}{took}"
