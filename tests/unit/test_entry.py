"""The start of every command, where python-telegram-bot has its files in the place of ours."""

import subprocess
import sys
from pathlib import Path

import pytest

SAID = (
    "vestnik: the package telegram is not vestnik's here: python-telegram-bot has one of the same name, and one "
    "overwrites the other; install vestnik again, in an environment of its own\n"
)
LONGEST_S = 120
"""One that is not refused may stay for ever."""
THEIRS = {
    "whole": {"__init__.py": "class Bot: ...\n", "error.py": "class TelegramError(Exception): ...\n"},
    "without what it needs": {"__init__.py": "import httpx_that_nobody_has\n"},
    # both were installed, and theirs was uninstalled: its files, which had been ours, are gone
    "gone": {"sender.py": "", "deferral.py": ""},
}


@pytest.mark.parametrize("command", ["worker --once", "bot", "api", "simulator", "status", "doctor", "demo", "--help"])
def test_every_command_names_both(tmp_path: Path, command: str) -> None:
    """Whatever is asked for, it ends with 1 and one line that names the two distributions."""
    assert run(tmp_path, THEIRS["whole"], *command.split()) == (1, "", SAID)


@pytest.mark.parametrize("state", THEIRS)
def test_each_way_of_being_overwritten_is_told_alike(tmp_path: Path, state: str) -> None:
    """Also when their package cannot be imported, and when it was taken away again and ours with it."""
    assert run(tmp_path, THEIRS[state], "status") == (1, "", SAID)


def run(folder: Path, package: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run `vestnik` where this package `telegram` is the one that is found; tell exit code and what was printed."""
    (folder / "telegram").mkdir()
    for name, text in package.items():
        (folder / "telegram" / name).write_text(text)
    # the folder that a module is run in comes before what is installed
    command = [sys.executable, "-m", "workers", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    return done.returncode, done.stdout, done.stderr
