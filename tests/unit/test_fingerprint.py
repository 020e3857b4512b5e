"""Faults that are the same bear one fingerprint, and those that are not do not."""

import json
from collections.abc import Callable
from typing import Any

from health.fault import fingerprint
from health.log_filter import LogFilter

SECRET = "7654321098:AAF4kQ-xyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def caught(work: Callable[[], object]) -> Exception:
    """Do what fails."""
    try:
        work()
    except Exception as fault:  # noqa: BLE001 (whatever it is, is looked at)
        return fault
    raise AssertionError


def raise_as_told(message: str, line: int, kind: type[Exception] = ValueError) -> Exception:
    """Raise inside a function of ours: by calling one that is compiled with so many empty lines before it."""
    code = compile("\n" * line + "def send():\n    raise kind(message)\n", "sender.py", "exec")
    frame: dict[str, Any] = {"__name__": "telegram.sender", "kind": kind, "message": message}
    exec(code, frame)  # noqa: S102 (our own text, so that the same function stands on another line)
    return caught(frame["send"])


def logged(level: str, **fields: object) -> dict[str, Any]:
    """Pass a line through the gate."""
    return dict(LogFilter("worker", "w1")(None, level, {"event": "send_failed", **fields}))


def test_neither_message_nor_line_is_in_it() -> None:
    """The same exception from the same function is the same fault, whatever it says and wherever the function is."""
    assert fingerprint(raise_as_told("a", 0)) == fingerprint(raise_as_told(SECRET, 40))


def test_class_and_function_are_in_it() -> None:
    """Another class, or another function of ours, is another fault."""
    here = fingerprint(raise_as_told("a", 0))
    assert here != fingerprint(raise_as_told("a", 0, KeyError))
    assert here != fingerprint(caught(lambda: int("x")))


def test_the_way_through_a_library_is_not_in_it() -> None:
    """What a library's own functions are called changes with its releases: only ours count, where there are any."""

    def through(name: str) -> Exception:
        code = compile(f"def {name}(text):\n    raise ValueError(text)\n", "library.py", "exec")
        frame: dict[str, Any] = {"__name__": "library"}
        exec(code, frame)  # noqa: S102 (as above)
        mine = compile("def ours():\n    theirs('x')\n", "ours.py", "exec")
        own: dict[str, Any] = {"__name__": "outbox.relay", "theirs": frame[name]}
        exec(mine, own)  # noqa: S102 (as above)
        return caught(own["ours"])

    assert fingerprint(through("fetch")) == fingerprint(through("fetch_all"))


def test_each_line_about_an_error_has_one() -> None:
    """A line with an exception, and each line of level error, has twelve hexadecimal digits; others have none."""
    fault = raise_as_told(SECRET, 0)
    for line in (logged("error", exc_info=fault), logged("warning", exc_info=fault), logged("error", reason="markup")):
        assert len(line["fingerprint"]) == 12
        assert int(line["fingerprint"], 16) >= 0
        assert SECRET not in json.dumps(line)
    assert "fingerprint" not in logged("warning", reason="markup", error=fault)


def test_without_an_exception_event_and_reason_tell_faults_apart() -> None:
    """Two deliveries that died of one reason are one fault; another reason is another one."""
    one, same = (logged("error", reason="markup", delivery_id=id_)["fingerprint"] for id_ in (1, 2))
    assert one == same
    assert one != logged("error", reason="topic")["fingerprint"]
