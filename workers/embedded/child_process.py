"""Processes of our own that a command starts and ends again: a simulator, workers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from workers.embedded.interrupt import uninterrupted

STOP_TIMEOUT_S = 40.0
"""A worker finishes what is in flight: at most one client timeout."""


@contextmanager
def process(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `vestnik ARGUMENTS` for as long as the block lasts, then end it with SIGTERM; its output goes to `log`."""
    started: subprocess.Popen[str] | None = None
    with log.open("ab") as errors:
        try:
            with uninterrupted():
                started = subprocess.Popen(
                    [sys.executable, "-m", "workers", *arguments],
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE if arguments[0] == "simulator" else errors,
                    stderr=errors,
                    text=True,
                    # a Ctrl-C is for the command, which then ends its processes in order
                    start_new_session=True,
                )
            yield started
        finally:
            if started is not None:
                stop(started)


def stop(started: "subprocess.Popen[str]") -> int:
    """End a process with SIGTERM, or at once when it takes too long; return its exit code."""
    if started.poll() is None:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            started.kill()
    if started.stdout is not None:
        started.stdout.close()
    return started.wait()


@contextmanager
def simulator(environment: Mapping[str, str], log: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Run a simulator on free ports; yield the addresses of its Bot API and of its control API.

    Raises:
        RuntimeError: it did not start; the log says why.

    """
    arguments = ["simulator", "--port", "0", "--control-port", "0", *options]
    with process(arguments, environment, log) as started:
        line = started.stdout.readline() if started.stdout else ""
        if not line:
            raise RuntimeError(f"the simulator did not start: {log.read_text()[-2000:]}")
        ready = json.loads(line)
        yield f"http://127.0.0.1:{ready['port']}", f"http://127.0.0.1:{ready['control_port']}"
