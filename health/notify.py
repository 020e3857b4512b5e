"""What systemd is told of a process: datagrams to the socket that NOTIFY_SOCKET names, and nothing where there is none.

No package does it: the protocol is one `sendto`, the last release of sdnotify is from 2017, and systemd-python has to
be compiled against libsystemd.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta

from health.check import CheckName, Health, Status
from health.field import phrase

NEEDED = (CheckName.POSTGRES, CheckName.REDIS)
"""What must have answered before a process counts as started."""
READY = "READY=1"
STOPPING = ["STOPPING=1", "STATUS=stopping: finishes what is in flight"]


class Notifier:
    """Tell the service manager how a process starts, works and stops."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        # systemd writes an abstract name with @ in the place of its first byte, which is 0
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        self.beat = _half(environment)
        """How often `tell` has to be called so that the watchdog is never hungry; None: there is no watchdog."""
        self._begun = self._ready = self._stopping = False

    def begin(self, health: Health) -> None:
        """Say that the process begins its work: from now on it is ready once PostgreSQL and Redis have answered."""
        self._begun = True
        self.tell(health)

    def tell(self, health: Health) -> None:
        """Feed the watchdog and say what the process does; the loop that does the work calls it."""
        lines = [] if self._stopping else self._standing(health)
        lines += [] if self.beat is None else ["WATCHDOG=1"]
        if self._send(lines) and READY in lines:
            self._ready = True

    def _standing(self, health: Health) -> list[str]:
        answered = self._begun and all(health.checks[name].status is Status.OK for name in NEEDED)
        if self._ready:
            return [f"STATUS={_working(health)}"]
        return [READY, f"STATUS={_working(health)}"] if answered else [f"STATUS={_starting(health)}"]

    def stop(self) -> None:
        """Say that the process has been told to stop."""
        self._stopping = True
        self._send(STOPPING)

    def _send(self, lines: list[str]) -> bool:
        """Send without waiting: a manager that does not read must not hold up the work."""
        if not self._address or not lines:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def _half(environment: Mapping[str, str]) -> timedelta | None:
    """Halve the watchdog's time; None where it is meant for another process."""
    allowed, meant = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(os.getpid()))
    known = environment.get("NOTIFY_SOCKET") and allowed.isdecimal() and meant == str(os.getpid())
    return timedelta(microseconds=int(allowed) / 2) if known else None


def _starting(health: Health) -> str:
    waits = _faults(health, NEEDED)
    return f"starting: waits for {waits}" if waits else "starting"


def _working(health: Health) -> str:
    done = ", ".join(f"{count} {name}" for name, count in asdict(health.counters).items() if count)
    told = "; ".join(part for part in (_faults(health, CheckName), done) if part)
    return f"{health.status}: {told or 'all checks pass'}"


def _faults(health: Health, names: "tuple[CheckName, ...] | type[CheckName]") -> str:
    faults = [(name, health.checks[name]) for name in names if health.checks[name].status is not Status.OK]
    return ", ".join(f"{name} ({phrase(check.detail)})" for name, check in faults)
