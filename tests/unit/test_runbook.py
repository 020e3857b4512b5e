"""docs/runbook.md is held to the alerts and to the command."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from tests.unit.promql import unknown
from tests.unit.series import known
from tests.unit.test_alerts import ALERTS
from workers.command.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
IN_LINES = re.findall(r"`(vestnik [^`\n]*)`", PAGE)
IN_BLOCKS = re.findall(r"^(vestnik [^#\n]*)", PAGE, re.MULTILINE)
COMMANDS = sorted({command.strip() for command in IN_LINES + IN_BLOCKS})
QUERIES = sorted({code for code in re.findall(r"`([^`\n]*)`", PAGE) if re.search(r"\bvestnik_[a-z]", code)})


def test_every_alert_has_its_entry() -> None:
    """The page has an entry for each alert and no others, in the order of the rules."""
    assert list(SECTIONS) == list(ALERTS)
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == list(ALERTS)


@pytest.mark.parametrize("entry", SECTIONS)
def test_an_entry_tells_meaning_look_and_mending(entry: str) -> None:
    """Each entry says what the alert means, where to look and what mends it, and names a command."""
    parts = re.findall(r"^\*\*(\w+)\.\*\* \S", SECTIONS[entry], re.MULTILINE)
    assert parts == ["Means", "Look", "Mend"]
    assert "vestnik " in SECTIONS[entry]


def test_commands_are_found() -> None:
    """These tests see the page's commands, in its lines and in its blocks."""
    assert {"vestnik doctor", "vestnik dead show ID", "vestnik unknown list"} <= set(COMMANDS)


def type_in(command: str) -> None:
    """Parse a command as if it were typed, and run nothing."""
    words = shlex.split(command)[1:]
    found = typer.main.get_command(app)
    context = typer.Context(found, info_name="vestnik")
    while isinstance(found, TyperGroup):
        assert words, f"{command} is no whole command"
        inner = found.get_command(context, words.pop(0))
        assert inner is not None
        context, found = typer.Context(inner, parent=context), inner
    found.make_context(found.name, words, parent=context.parent)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_typed(command: str) -> None:
    """Each command of the page exists, with the options and arguments that stand there."""
    type_in(command)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_metrics_that_exist(query: str) -> None:
    """Each query or metric that the page names is one of ours, with its labels."""
    assert unknown(query, known()) == set()
