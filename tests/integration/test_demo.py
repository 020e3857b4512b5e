"""`vestnik demo` as a process: the whole way, and nothing left of it afterwards."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.stage import PROJECT, until
from workers.embedded.engine import temporary_folder

LONGEST_S = 240.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a folder for all temporary files of a demo; it is its mark, too, on every process that it starts."""
    with temporary_folder("vestnik-test-demo-") as made:
        yield made


@contextmanager
def demo(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start a demo as a terminal does: in a process group of its own."""
    command = [sys.executable, "-m", "workers", "demo", "--json"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGINT)
                started.communicate()


def processes(folder: Path) -> list[str]:
    """Find the processes that were started with this folder: by their variables, arguments or working directory."""
    mark = os.fsencode(folder)
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
                known += os.fsencode((process / "cwd").readlink())
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:  # another user's, or gone
                continue
            if mark in known and command:
                found.append(command)
    return found


def left_of(folder: Path) -> list[str]:
    """Name every process and file that a demo has left."""
    return [*processes(folder), *(file.name for file in folder.iterdir())]


def test_the_demo_delivers_the_sample_and_leaves_nothing(folder: Path) -> None:
    """The demo finds every count of the sample right, both workers end with 0, and no process or file is left."""
    with demo(folder) as started:
        out, err = started.communicate(timeout=LONGEST_S)
    assert started.returncode == 0, err
    told = json.loads(out)
    assert told["good"] is True
    assert told["worker_exit_codes"] == [0, 0]
    found = {line["what"]: line["found"] for line in told["comparisons"]}
    assert found == {
        "events": 1848,
        "in-app notifications": 5856,
        "in-app unread counters, added up": 5856,
        "Telegram: to started chats, sent": 742,
        "Telegram: messages that people see": 742,
        "Telegram: chats in order": 70,
        "Telegram: messages twice": 0,
        "Telegram: to blocked chats, dead or skipped": 93,
        "Telegram: to deactivated chats, dead or skipped": 41,
        "Telegram: to unlinked people, skipped": 383,
    }
    assert all(line["expected"] == line["found"] for line in told["comparisons"])
    assert left_of(folder) == []


@pytest.mark.parametrize("moment", ["worker --watch", "simulator --port", "postgres"])
async def test_ctrl_c_ends_all_that_the_demo_started(folder: Path, moment: str) -> None:
    """Ctrl-C while engines, simulator or workers start ends the demo with 130, and no process or file is left."""
    with demo(folder) as started:
        await until(lambda: any(moment in command for command in processes(folder)))
        os.killpg(started.pid, signal.SIGINT)
        _, err = started.communicate(timeout=LONGEST_S)
    assert started.returncode == 130, err
    assert "Traceback" not in err
    assert left_of(folder) == []
