import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from health import About, LogSettingError, bound, configure, get_logger

Lines = Callable[[], list[dict[str, Any]]]
SECRET = "7654321098:AAF4kQ-xyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture(autouse=True)
def python_as_before() -> Iterator[None]:
    """Undo what `configure` does to the process."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def lines() -> Lines:
    """Configure the log at info and read back what it has written."""
    stream = io.StringIO()
    configure("INFO", "json", "worker", "worker-1", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def facts(line: dict[str, Any]) -> dict[str, Any]:
    """Leave out what every line has."""
    return {k: v for k, v in line.items() if k not in {"timestamp", "level", "service", "instance"}}


def refuse() -> None:
    """Fail as a client does whose error names the whole URL."""
    raise ConnectionError(SECRET)


def test_one_fact_is_one_line_of_json(lines: Lines) -> None:
    """A fact becomes one JSON object on one line."""
    get_logger().info("delivery_sent", delivery_id=7)
    (line,) = lines()
    assert line["service"] == "worker"
    assert line["instance"] == "worker-1"
    assert line["level"] == "info"
    assert facts(line) == {"event": "delivery_sent", "delivery_id": 7}


def test_what_is_bound_stands_on_every_line_of_the_block(lines: Lines) -> None:
    """What is bound to the task is on each of its lines until the block ends, libraries' lines included."""
    log = get_logger()
    with bound(request_id="r-1", event_id=5):
        with bound(delivery_id=9, attempt=2):
            log.info("delivery_sent")
        logging.getLogger("aiohttp.client").warning("text")
    log.info("worker_idle")
    first, second, third = (facts(line) for line in lines())
    assert first == {
        "event": "delivery_sent",
        "request_id": "r-1",
        "event_id": 5,
        "delivery_id": 9,
        "attempt": 2,
    }
    assert (second["request_id"], "delivery_id" in second) == ("r-1", False)
    assert third == {"event": "worker_idle"}


def test_a_block_tells_what_it_is_about_only_when_a_line_is_written(lines: Lines) -> None:
    """Its ids are on each line of the block, behind what the line says itself; where none is written nobody asks."""
    asked = []

    def subject() -> dict[str, object]:
        asked.append(1)
        return {"event_id": 5, "attempt": 2}

    log = get_logger()
    with About(subject):
        log.debug("lane_claimed")
        assert not asked
        with About(lambda: {"event_id": 6}):
            log.info("delivery_sent", attempt=3)
        logging.getLogger("aiohttp.client").warning("text")
    log.info("worker_idle")
    first, second, third = (facts(line) for line in lines())
    assert first == {"event": "delivery_sent", "event_id": 6, "attempt": 3}
    assert (second["event_id"], second["attempt"], len(asked)) == (5, 2, 1)
    assert third == {"event": "worker_idle"}


def test_below_the_level_nothing_is_written(lines: Lines) -> None:
    """A line below the level is dropped before its fields are looked at."""
    get_logger().debug("lane_claimed", lane_id=1)
    assert lines() == []


def test_a_text_in_the_place_of_an_event_does_not_get_out(lines: Lines) -> None:
    """A message with interpolated data is replaced, not written."""
    get_logger().warning("hello %s", "Anna")
    assert facts(lines()[0]) == {"event": "malformed_log_event"}


def test_an_exception_is_logged_without_its_message(lines: Lines) -> None:
    """`log.exception` names class and place of what went wrong."""
    try:
        refuse()
    except ConnectionError:
        get_logger().exception("delivery_failed", delivery_id=7)
    (line,) = lines()
    assert line["level"] == "error"
    assert (line["event"], line["error"]) == ("delivery_failed", "ConnectionError")
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize("name", ["arq.worker", "aiogram.dispatcher", "aiohttp.client", "asyncpg", "uvicorn.error"])
def test_a_library_says_that_and_where_but_not_what(lines: Lines, name: str) -> None:
    """A library's warning and error pass as a fact of ours with logger and class, never with their text."""
    library = logging.getLogger(name)
    library.info("started %s", SECRET)
    library.warning("slow %s", SECRET)
    try:
        refuse()
    except OSError:
        library.exception("failed %s", SECRET, extra={"chat_id": 4711})
    first, second = lines()
    assert (first["event"], first["level"], first["logger"]) == ("library_warning", "warning", name)
    assert (second["event"], second["level"], second["logger"]) == ("library_error", "error", name)
    assert second["error"] == "ConnectionError"
    assert SECRET not in json.dumps([first, second])
    assert "4711" not in json.dumps([first, second])


def test_a_library_with_its_own_handler_has_no_way_past_the_gate() -> None:
    """A stream handler that a library hung on its own logger is taken off."""
    own, ours = io.StringIO(), io.StringIO()
    library = logging.getLogger("tests.stubborn")
    library.addHandler(logging.StreamHandler(own))
    library.propagate = False
    configure("info", "json", "worker", "w", ours)
    library.error("text %s", SECRET)
    assert own.getvalue() == ""
    assert json.loads(ours.getvalue())["event"] == "library_error"


def test_a_library_record_that_cannot_be_formatted_is_harmless(lines: Lines, capfd: pytest.CaptureFixture[str]) -> None:
    """A record whose arguments do not fit its text is reported as any other, and nothing is printed."""
    logging.getLogger("arq").warning("%d", SECRET)
    assert lines()[0]["event"] == "library_warning"
    assert capfd.readouterr() == ("", "")


def test_pythons_own_warnings_pass_the_gate(lines: Lines, capfd: pytest.CaptureFixture[str]) -> None:
    """A Python warning is a library's warning, and is not printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # Inside the block the show function is pytest's; ask for ours again.
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(SECRET, ResourceWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert lines()[0]["logger"] == "py.warnings"
    assert capfd.readouterr() == ("", "")


def test_the_console_shows_the_same_facts() -> None:
    """The console format is for people and passes the same gate."""
    stream = io.StringIO()
    configure("info", "console", "worker", "w", stream)
    get_logger().info("delivery_sent", delivery_id=7, recipient="anna")
    assert "delivery_sent" in stream.getvalue()
    assert "delivery_id=7" in stream.getvalue()
    assert "anna" not in stream.getvalue()


class Terminal(io.StringIO):
    """What says of itself that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(("given", "coloured"), [(None, True), ("", True), ("1", False)])
def test_a_terminal_has_colours_unless_it_shall_not(
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    coloured: bool,  # noqa: FBT001 (a case)
) -> None:
    """Columns on a terminal are in colour, where NO_COLOR is not set to something."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if given is not None:
        monkeypatch.setenv("NO_COLOR", given)
    terminal = Terminal()
    configure("info", "console", "worker", "worker-1", terminal)
    get_logger().info("delivery_sent")
    assert ("\x1b[" in terminal.getvalue()) is coloured


@pytest.mark.parametrize(
    ("level", "fmt", "name"), [("loud", "json", "LOG_LEVEL"), ("", "json", "LOG_LEVEL"), ("info", "xml", "LOG_FORMAT")]
)
def test_a_wrong_setting_is_named(level: str, fmt: str, name: str) -> None:
    """A level or format that does not exist is refused with the setting's name and what there is."""
    with pytest.raises(LogSettingError, match=f"^{name} must be one of ") as caught:
        configure(level, fmt, "worker", "w")
    assert caught.value.name == name


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """A closed stream or a reader that has gone costs the line, not the delivery."""
    stream = io.StringIO()
    configure("info", "json", "worker", "w", stream)
    stream.close()
    get_logger().info("delivery_sent")


CRASH = f"""
import threading, sys
from health import configure
configure("info", "json", "worker", "w")
class Late:
    def __del__(self): raise OSError("{SECRET}")
late = Late(); del late
thread = threading.Thread(target=lambda: int("{SECRET}")); thread.start(); thread.join()
raise RuntimeError("{SECRET}")
"""


def test_a_crash_is_reported_without_its_message() -> None:
    """What nobody caught, in the process, a thread or a finalizer, is a line in the log and no traceback."""
    ended = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, timeout=60, check=False)
    found = [(line["event"], line["error"]) for line in map(json.loads, ended.stdout.splitlines())]
    assert found == [
        ("unraisable_error", "OSError"),
        ("thread_crashed", "ValueError"),
        ("process_crashed", "RuntimeError"),
    ]
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert SECRET not in ended.stdout
