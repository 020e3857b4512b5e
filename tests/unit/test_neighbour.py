"""The doctor on python-telegram-bot in the same environment."""

from pathlib import Path

import pytest

from workers.doctor import Finding, Level
from workers.doctor.neighbour_check import look_at_neighbours


def test_no_neighbour_is_well() -> None:
    """Where it is not installed, the package is ours alone."""
    assert look_at_neighbours() == Finding("packages", Level.OK, "nothing else has a package telegram")


def test_a_neighbour_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is, it is named with its version: Vestnik works, and the other one may not."""
    about = tmp_path / "python_telegram_bot-22.8.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: python-telegram-bot\nVersion: 22.8\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert look_at_neighbours() == Finding(
        "packages",
        Level.WARN,
        "python-telegram-bot 22.8 is installed too: its package telegram and that of vestnik overwrite each other",
        "install vestnik in an environment of its own, and what is left here of the two anew",
    )
