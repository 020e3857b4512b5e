"""A worker process of a benchmark, run to its end or for as long as a block lasts."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from health import read as read_health
from tests.bench.stage import Ground

NULL, STUCK, HTTP = "null", "stuck", "http"
AS_SHIPPED = 0
"""For the number in flight: limits are what they are in production."""
IN_FLIGHT = 500
PROJECT = Path(__file__).parents[2]
READY_WITHIN_S = 60.0
RUN_WITHIN_S = 3600.0
TICK = os.sysconf("SC_CLK_TCK")


class Took(NamedTuple):
    """What a worker says of itself in the end."""

    seconds: float
    cpu_s: float
    most_kb: int
    """The most memory that it had at one time."""
    sent: int
    """To the null sender."""


@dataclass(frozen=True, slots=True)
class Watching:
    """A worker that watches."""

    pid: int
    report: Path

    def timed(self) -> list[float]:
        """Give the seconds from emit to send of the timed messages that have gone so far."""
        return [(int(sent) - int(emitted)) / 1e9 for emitted, sent in self._timed_lines()]

    def progress(self) -> list[tuple[float, int]]:
        """Give the moments at which so many messages had gone that were not timed."""
        seen, timed = [], 0
        for line in self._lines():
            if line[0] == "sent":
                seen.append((int(line[2]) / 1e9, int(line[1]) - timed))
            else:
                timed += 1
        return seen

    def _timed_lines(self) -> list[list[str]]:
        return [line for line in self._lines() if line[0] != "sent"]

    def _lines(self) -> list[list[str]]:
        whole, _, _ = self.report.read_text().rpartition("\n")
        return [line.split() for line in whole.splitlines() if not line.startswith("{")]

    async def until_sent(self, count: int, within_s: float = 60.0) -> list[float]:
        """Wait until so many timed messages have gone."""
        async with asyncio.timeout(within_s):
            while len(self.timed()) < count:  # noqa: ASYNC110 (the fact is in a file)
                await asyncio.sleep(0.01)
        return self.timed()


async def _start(
    how: str, ground: Ground, sender: str, in_flight: int, more: dict[str, str]
) -> asyncio.subprocess.Process:
    with (ground.stage.folder / "worker.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.bench.worker", how, sender, str(in_flight), str(_report(ground))),
            env={**os.environ, **ground.settings(**more)},
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )


def _report(ground: Ground) -> Path:
    return ground.stage.folder / "report"


async def _ended(running: asyncio.subprocess.Process, ground: Ground) -> Took:
    async with asyncio.timeout(RUN_WITHIN_S):
        code = await running.wait()
    if code:
        raise RuntimeError(f"the worker ended with {code}: {(ground.stage.folder / 'worker.log').read_text()[-2000:]}")
    return Took(**json.loads(_report(ground).read_text().splitlines()[-1]))


async def once(ground: Ground, sender: str = NULL, in_flight: int = IN_FLIGHT, **more: str) -> Took:
    """Run `worker --once` in a process of its own."""
    return await _ended(await _start("once", ground, sender, in_flight, more), ground)


@asynccontextmanager
async def watching(
    ground: Ground, sender: str = NULL, in_flight: int = IN_FLIGHT, **more: str
) -> AsyncIterator[Watching]:
    """Run `worker --watch` in a process of its own; it is ready when the block begins."""
    health = ground.stage.folder / "health.json"
    health.unlink(missing_ok=True)
    running = await _start("watch", ground, sender, in_flight, {**more, "HEALTH_FILE": str(health)})
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while read_health(health).exit_code != 0:  # noqa: ASYNC110 (the fact is in a file)
                await asyncio.sleep(0.05)
        yield Watching(running.pid, _report(ground))
        if sender != STUCK:
            running.send_signal(signal.SIGTERM)
            await _ended(running, ground)
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


def cpu_s(pid: int, *, children: bool = False) -> float:
    """Tell the processor seconds of a process, with those of the children that it has and had."""
    parent, own, reaped = _times(pid)
    if not children:
        return own
    total = own + reaped
    for other in Path("/proc").iterdir():
        try:
            parent, own, _ = _times(int(other.name))
        except (ValueError, OSError):
            continue
        total += own if parent == pid else 0.0
    return total


def _times(pid: int) -> tuple[int, float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:13])) / TICK, sum(map(int, fields[13:15])) / TICK


def memory_mb(pid: int, field: str) -> int:
    """Read a size of a process in MB: VmRSS, what it has; VmHWM, the most that it had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return kilobytes * 1024 // 1_000_000
