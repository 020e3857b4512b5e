"""Debian's Redis and its Sentinel, for what the embedded Valkey is built without: TLS and a watch over several."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.embedded.engine import free_port

REDIS, SENTINEL = shutil.which("redis-server"), shutil.which("redis-sentinel")
START_TIMEOUT_S = 60.0
READY = ("Ready to accept connections", "Sentinel ID is")


@contextmanager
def redis_server(folder: Path, *options: str, program: str | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one for as long as the block lasts, on the loopback interface; options are lines of its configuration."""
    configuration, log = folder / f"{free_port()}.conf", folder / f"{free_port()}.log"
    lines = ("bind 127.0.0.1", f"dir {folder}", 'save ""', "appendonly no", *options)
    configuration.write_text(
        "\n".join(line for line in lines if program is None or not line.startswith(("save", "app")))
    )
    with log.open("wb") as out:
        running = subprocess.Popen([str(program or REDIS), str(configuration)], stdout=out, stderr=out)
    try:
        _wait_until_ready(running, log)
        yield running
    finally:
        running.kill()
        running.wait()


def _wait_until_ready(running: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not any(words in log.read_text() for words in READY):
        if running.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Redis did not start: {log.read_text()}")
        time.sleep(0.02)
