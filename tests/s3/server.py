"""moto's server, in a process of its own."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.client import ENVIRONMENTS

ENVIRONMENT = ENVIRONMENTS / "s3"
PYTHON = ENVIRONMENT / "bin" / "python"
PACKAGES = ENVIRONMENT / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
START_TIMEOUT_S = 60.0
RUNNING = re.compile(r"Running on (http://\S+)")


def missing() -> str | None:
    """Say what this machine lacks to serve a bucket."""
    return None if (ENVIRONMENT / ".ready").exists() else "moto is not set up: make clients"


@contextmanager
def server(log: Path) -> Iterator[str]:
    """Serve for as long as the block lasts; yield the address.

    Raises:
        RuntimeError: it did not start.

    """
    command = [str(PYTHON), "-I", "-u", "-m", "moto.server", "--port", "0"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as started:
        try:
            yield _address(started, log)
        finally:
            started.terminate()


def _address(started: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while (found := RUNNING.search(log.read_text())) is None:
        if started.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"moto did not start: {log.read_text()}")
        time.sleep(0.02)
    return found[1]
