"""How a process fares: what each of its checks says, and the whole of it as the health file shows it."""

import os
from asyncio import Event
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

from health.field import clean, phrase, word
from health.log import get_logger
from health.version import VERSION

log = get_logger()


class Status(StrEnum):
    """How a check, or the whole process, fares."""

    OK = "ok"
    """All works."""
    DEGRADED = "degraded"
    """Work goes on, slower or without a part: look at it in the morning."""
    UNHEALTHY = "unhealthy"
    """Work stands still: look at it now."""


class CheckName(StrEnum):
    """What is looked at."""

    POSTGRES = "postgres"
    """The database that holds the truth."""
    REDIS = "redis"
    """The queue, the limiter and the wake-ups."""
    TELEGRAM = "telegram"
    """The Bot API and the bot's token."""
    RELAY = "relay"
    """Whether committed events are fanned out in time."""


@dataclass(frozen=True, slots=True)
class Check:
    """Say how one thing fares."""

    status: Status
    detail: str = ""
    """A few words of the code; never an exception's message. What does not look like that is shown redacted."""
    latency_ms: float | None = None
    """How long the look took; None where nothing was asked."""

    def facts(self) -> dict[str, object]:
        """Return what the health file and the probes show."""
        latency = None if self.latency_ms is None else round(self.latency_ms, 3)
        return {"status": self.status.value, "detail": phrase(self.detail), "latency_ms": latency}


_SEVERITY = list(Status)

NOT_CHECKED = Check(Status.UNHEALTHY, "not checked yet")
NOT_USED = Check(Status.OK, "not used by this service")


def worst(checks: Iterable[Check]) -> Status:
    """Return the gravest status; no checks at all are ok."""
    return max((check.status for check in checks), key=_SEVERITY.index, default=Status.OK)


@dataclass(slots=True)
class Counters:
    """Count what this process has done since its start."""

    relayed: int = 0
    """Events fanned out."""
    sent: int = 0
    """Deliveries taken by their channel."""
    retried: int = 0
    """Attempts put off by a fault that may pass."""
    dead: int = 0
    """Deliveries that became dead letters."""
    unknown: int = 0
    """Attempts whose outcome nobody knows."""


@dataclass(slots=True)
class Lag:
    """Say how far behind the work is, as last measured."""

    relay_seconds: float = 0.0
    """Age of the oldest committed event that is not relayed."""
    oldest_due_seconds: float = 0.0
    """How long the oldest due delivery has been waiting."""


def utc_now() -> datetime:
    """Return the time with its zone."""
    return datetime.now(UTC)


class Health:
    """Keep what one process knows of itself; every part of the process tells it, the file and the probes show it."""

    def __init__(
        self,
        service: str,
        instance: str,
        uses: Iterable[CheckName] = CheckName,
        *,
        version: str = VERSION,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        used = frozenset(uses)
        self.service = service
        self.instance = instance
        self.version = version
        self.pid = os.getpid()
        self.checks = {name: NOT_CHECKED if name in used else NOT_USED for name in CheckName}
        self.counters = Counters()
        self.lag = Lag()
        self.changed = Event()
        """Set when a check's status has changed, for the writer of the health file."""
        self.schema_fault = ""
        """Why a PostgreSQL that answers is of no use; empty where the schema is the one that this version needs."""
        self._clock = clock
        self._last_error: dict[str, str] | None = None
        self.started_at = self.heartbeat_at = clock()

    @property
    def status(self) -> Status:
        """Return how the whole process fares: as its worst check."""
        return worst(self.checks.values())

    def record(self, name: CheckName, check: Check) -> None:
        """Take a check's newest result; log it when its status has changed, not at every look."""
        before, self.checks[name] = self.checks[name], check
        # the first look is a change too: before it nobody knew
        if check.status is not before.status or before is NOT_CHECKED:
            self.changed.set()
            report = log.info if check.status is Status.OK else log.warning
            report("check_changed", check=name, status=check.status)

    def fail(self, reason: str) -> None:
        """Remember the newest error by its reason word; a text is not taken."""
        self._last_error = {"reason": word(reason, "malformed_reason"), "time": _written(self._clock())}

    def beat(self) -> None:
        """Say that the process is alive."""
        self.heartbeat_at = self._clock()

    def heartbeat_timestamp(self) -> float:
        """Return the heartbeat in Unix time, as the metric wants it."""
        return self.heartbeat_at.timestamp()

    def probe(self) -> dict[str, object]:
        """Return what the probes answer."""
        checks = {name.value: check.facts() for name, check in self.checks.items()}
        return {"status": self.status.value, "checks": checks}

    def snapshot(self) -> dict[str, object]:
        """Return what the health file holds, ready for JSON."""
        return {
            "status": self.status.value,
            "service": clean(self.service),
            "instance": clean(self.instance),
            "version": self.version,
            "pid": self.pid,
            "started_at": _written(self.started_at),
            "heartbeat_at": _written(self.heartbeat_at),
            "checks": self.probe()["checks"],
            "counters": asdict(self.counters),
            "lag": asdict(self.lag),
            "last_error": self._last_error,
        }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
