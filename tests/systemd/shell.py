"""What the drive asks its machine: commands, systemd, PostgreSQL and the simulator."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT_S = 180.0
"""For one fact; a machine ten times slower still gets there."""


def say(text: str) -> None:
    """Leave a line in the log of the drive."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def sh(script: str, given: str = "", folder: str = "/checkout") -> dict[str, Any]:
    """Run a script of bash; give its exit code and all that it printed."""
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        input=given,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    say(f"--- {script.strip().splitlines()[0]} -> {done.returncode}\n{done.stdout}")
    return {"code": done.returncode, "printed": done.stdout}


def good(script: str, given: str = "", folder: str = "/checkout") -> str:
    """Run a script that must succeed.

    Raises:
        AssertionError: it failed.

    """
    done = sh(script, given, folder)
    if done["code"] != 0:
        raise AssertionError(f"{script}: {done}")
    return str(done["printed"])


def wait(what: str, fact: Callable[[], bool]) -> None:
    """Wait for a fact, with a limit.

    Raises:
        TimeoutError: it does not come.

    """
    began = time.monotonic()
    while not fact():
        if time.monotonic() - began > LIMIT_S:
            raise TimeoutError(what)
        time.sleep(0.1)
    say(f"--- {what}: after {time.monotonic() - began:.1f} s")


def show(unit: str, *names: str) -> dict[str, str]:
    """Ask systemd for properties of a unit."""
    asked = [word for name in names for word in ("-p", name)]
    lines = subprocess.run(["/usr/bin/systemctl", "show", *asked, unit], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in lines.stdout.splitlines())


def one(unit: str, name: str) -> str:
    """Ask for a single property."""
    return show(unit, name)[name]


def query(sql: str) -> int:
    """Ask PostgreSQL for a number."""
    psql = ["runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "-At", "-c", sql, "app"]
    return int(subprocess.run(psql, capture_output=True, text=True, check=True, cwd="/").stdout)


def control(path: str, body: object = None) -> Any:
    """Ask the simulator's control API: GET, or PUT with a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:8082/control/{path}",
        data,
        {"content-type": "application/json"},
        method="GET" if data is None else "PUT",
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 (the simulator on the loopback interface)
        return json.load(answer)


def reached(path: str) -> bool:
    """Tell whether the simulator answers."""
    try:
        control(path)
    except OSError:
        return False
    return True


def lines_of(path: str) -> list[dict[str, Any]]:
    """Read a file of one JSON object a line."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
