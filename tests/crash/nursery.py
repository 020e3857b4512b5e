"""The nursery: a process that has imported the product and forks workers that are at work within a moment.

A worker's imports take seconds of a processor. Where one is killed every second, two processors would do nothing but
import, and no kill would find a worker at work.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from health import read as read_health
from telegram import put_off_builds, redis_answer
from tests.integration.stage import PATIENCE_S, PROJECT, lines_of, until
from workers.process import redis_client


@dataclass(frozen=True, slots=True)
class Child:
    """A process of its own that `python -m MODULE ARGUMENTS` would have been."""

    nursery: "Nursery"
    pid: int
    name: str
    log: Path
    health: Path

    def poll(self) -> int | None:
        """Tell its exit code; None while it lives."""
        code: int | None = self.nursery.order({"poll": self.pid})
        return code

    def terminate(self) -> None:
        """Tell it to end, unless it has."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def lines(self, event_name: str | None = None) -> list[dict[str, Any]]:
        """Give the lines of its log, or those that state one fact."""
        return lines_of(self.log, event_name)

    async def healthy(self) -> None:
        """Wait until its health file says that all is well."""
        await until(lambda: read_health(self.health).exit_code == 0)

    async def ended(self) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        await until(lambda: self.poll() is not None)
        return self.poll() or 0


class Nursery:
    """The process that forks, as whoever asks it sees it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._children: list[Child] = []

    def order(self, order: object) -> Any:
        """Send one order and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, name: str, folder: Path, environment: Mapping[str, str], *command: str) -> Child:
        """Start `python -m COMMAND`, by default a worker that watches; its log and health file lie in `folder`."""
        module, *arguments = command or ("workers", "worker", "--watch")
        log, health = folder / f"{name}.log", folder / f"{name}.json"
        own = {**environment, "INSTANCE": name, "HEALTH_FILE": str(health)}
        pid = self.order({"start": module, "arguments": arguments, "environment": own, "log": str(log)})
        child = Child(self, pid, name, log, health)
        self._children.append(child)
        return child

    def empty(self) -> None:
        """Kill whatever it has started that still lives."""
        for child in self._children:
            child.kill()
        self._children.clear()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Run a nursery; whatever it has started is killed at the end."""
    command = [sys.executable, "-m", "tests.crash.nursery"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as process:
        yield Nursery(process)


def _serve() -> None:
    ended: dict[int, int | None] = {}
    for line in sys.stdin:
        match json.loads(line):
            case {"start": module, "arguments": arguments, "environment": environment, "log": log}:
                answer: int | None = _fork(module, arguments, environment, log)
                ended[answer or 0] = None
            case {"poll": pid}:
                answer = ended[pid] = _exit_code(pid) if ended[pid] is None else ended[pid]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid, code in ended.items():
        if code is None:
            os.kill(pid, signal.SIGKILL)


def _exit_code(pid: int) -> int | None:
    waited, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if waited else None


def _fork(module: str, arguments: list[str], environment: dict[str, str], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(number, target)
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    raise SystemExit(0)


if __name__ == "__main__":
    put_off_builds()
    # what `worker` imports when it is called; a fork has it already
    for heavy in ("workers.main", "workers.worker.watch", "aiohttp"):
        __import__(heavy)
    # a Redis that is away refuses at once; one that is silent for a while stands on a slow machine
    redis_answer.ANSWER_SECONDS = redis_client.TIMEOUT_S = PATIENCE_S
    _serve()
