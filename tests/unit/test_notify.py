"""What systemd hears of a process, read from a datagram socket as systemd reads it."""

import asyncio
import os
import select
import socket
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from health import Check, CheckName, Health, Notifier, Status, keep
from tests.integration.stage import PATIENCE_S

OK = Check(Status.OK, "answers")
AWAY = Check(Status.UNHEALTHY, "out of reach")
USES = (CheckName.POSTGRES, CheckName.REDIS)
HANGS_S = 0.1
"""Ten beats of the shortest watchdog here."""


class Ear:
    """The manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(PATIENCE_S)
        self.name = address.replace("\0", "@")

    def next(self) -> list[str]:
        """Give the lines of the next datagram."""
        return self._socket.recv(4096).decode().split("\n")

    def silent(self, seconds: float = 0) -> bool:
        """Tell whether nothing is there, nor comes in that time."""
        return not select.select([self._socket], [], [], seconds)[0]

    def close(self) -> None:
        """Stop hearing."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    """Hear under a name of either kind."""
    made = Ear(str(tmp_path / "notify") if request.param == "path" else f"\0vestnik-{uuid.uuid4().hex}")
    yield made
    made.close()


@pytest.fixture
def health() -> Health:
    """Make a process that has looked at nothing yet."""
    return Health("worker", "w1", USES)


def answer(health: Health, *names: CheckName) -> None:
    """Let these answer."""
    for name in names:
        health.record(name, OK)


def notifier(ear: Ear, **environment: str) -> Notifier:
    """Make the notifier of a process that systemd has started with a watchdog of 30 s."""
    return Notifier({"NOTIFY_SOCKET": ear.name, "WATCHDOG_USEC": "30000000", **environment})


def test_the_words_of_a_life_in_their_order(ear: Ear, health: Health) -> None:
    """It waits and says for what, is ready once, works and says what, and stops; the watchdog is fed to the end."""
    made = notifier(ear)
    made.tell(health)
    assert ear.next() == [
        "STATUS=starting: waits for postgres (not checked yet), redis (not checked yet)",
        "WATCHDOG=1",
    ]
    answer(health, *USES)
    made.begin(health)
    assert ear.next() == ["READY=1", "STATUS=ok: all checks pass", "WATCHDOG=1"]
    health.counters.sent, health.counters.relayed = 2, 3
    made.tell(health)
    assert ear.next() == ["STATUS=ok: 3 relayed, 2 sent", "WATCHDOG=1"]
    made.stop()
    assert ear.next() == ["STOPPING=1", "STATUS=stopping: finishes what is in flight"]
    made.tell(health)
    assert ear.next() == ["WATCHDOG=1"]
    assert ear.silent()


@pytest.mark.parametrize("missing", USES)
def test_it_is_ready_only_when_both_have_answered(ear: Ear, health: Health, missing: CheckName) -> None:
    """One that is away holds READY back and is named; its first answer brings it."""
    made = notifier(ear)
    answer(health, *(name for name in USES if name is not missing))
    health.record(missing, AWAY)
    made.begin(health)
    assert ear.next() == [f"STATUS=starting: waits for {missing} (out of reach)", "WATCHDOG=1"]
    answer(health, missing)
    made.tell(health)
    assert ear.next()[0] == "READY=1"


def test_it_is_not_ready_before_it_begins(ear: Ear, health: Health) -> None:
    """A PostgreSQL that answers may still have the wrong schema."""
    answer(health, *USES)
    notifier(ear).tell(health)
    assert ear.next() == ["STATUS=starting", "WATCHDOG=1"]


def test_what_goes_away_later_is_a_status(ear: Ear, health: Health) -> None:
    """Ready is said once: an outage changes the status line only."""
    made = notifier(ear)
    answer(health, *USES)
    made.begin(health)
    assert ear.next()[0] == "READY=1"
    health.record(CheckName.REDIS, AWAY)
    health.counters.relayed = 7
    made.tell(health)
    answer(health, *USES)
    made.tell(health)
    assert ear.next() == ["STATUS=unhealthy: redis (out of reach); 7 relayed", "WATCHDOG=1"]
    assert ear.next() == ["STATUS=ok: 7 relayed", "WATCHDOG=1"]


def test_a_stopping_process_never_gets_ready(ear: Ear, health: Health) -> None:
    """What answers after the order to stop comes too late."""
    made = notifier(ear)
    made.stop()
    ear.next()
    answer(health, *USES)
    made.begin(health)
    assert ear.next() == ["WATCHDOG=1"]


def test_a_detail_that_is_no_word_of_the_code_is_redacted(ear: Ear, health: Health) -> None:
    """An address never gets into the journal."""
    health.record(CheckName.REDIS, Check(Status.UNHEALTHY, "redis://:secret@cache"))
    notifier(ear).tell(health)
    assert "secret" not in "".join(ear.next())


def test_ready_is_said_again_when_nobody_heard_it(tmp_path: Path, health: Health) -> None:
    """A manager that is just restarting hears it at the next turn."""
    answer(health, *USES)
    made = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    made.begin(health)
    ear = Ear(str(tmp_path / "notify"))
    made.tell(health)
    assert ear.next()[0] == "READY=1"
    ear.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"WATCHDOG_USEC": "30000000"}])
def test_without_the_variable_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, health: Health, environment: dict[str, str]
) -> None:
    """No socket is opened, and no watchdog hurries the beat."""

    def opened(*_: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr("health.notify.socket.socket", opened)
    made = Notifier(environment)
    made.begin(health)
    made.tell(health)
    made.stop()
    assert made.beat is None


@pytest.mark.parametrize(
    ("environment", "beat"),
    [
        ({"WATCHDOG_USEC": "30000000"}, timedelta(seconds=15)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=15)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
    ids=["anybody", "mine", "another's", "malformed", "none"],
)
def test_the_watchdog_is_fed_at_half_its_time(environment: dict[str, str], beat: timedelta | None) -> None:
    """A watchdog that is meant for this process gives the beat."""
    assert Notifier({"NOTIFY_SOCKET": "/nowhere", **environment}).beat == beat


@pytest.mark.parametrize("ear", ["path"], indirect=True)
async def test_the_loop_itself_feeds_the_watchdog(ear: Ear, health: Health) -> None:
    """A loop that turns feeds it at the watchdog's own beat; from one that hangs nothing comes."""
    made = notifier(ear, WATCHDOG_USEC="20000")
    keeper = asyncio.create_task(keep(health, None, timedelta(hours=1), notifier=made))
    for _ in range(3):
        await heard(ear)
        assert ear.next()[-1] == "WATCHDOG=1"
    while not ear.silent():
        ear.next()
    assert ear.silent(HANGS_S), "this line is the loop's, and hangs"
    await heard(ear)
    keeper.cancel()


async def heard(ear: Ear) -> None:
    """Wait until there is something to read."""
    async with asyncio.timeout(PATIENCE_S):
        while ear.silent():  # noqa: ASYNC110 (a socket's other end sets no event)
            await asyncio.sleep(0.001)
