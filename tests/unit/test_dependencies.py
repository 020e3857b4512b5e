"""docs/dependencies.md is held to pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LISTED = {
    "To run": PROJECT["dependencies"],
    "To do without servers of one's own (`vestnik[engines]`)": PROJECT["optional-dependencies"]["engines"],
    "To watch with OpenTelemetry (`vestnik[otel]`)": PROJECT["optional-dependencies"]["otel"],
    "To develop": PROJECT["optional-dependencies"]["dev"],
}


def lines(heading: str) -> list[list[str]]:
    """Read the cells of one heading's table, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("heading", LISTED)
def test_each_direct_dependency_has_its_line(heading: str) -> None:
    """The page lists exactly what pyproject.toml asks for, in its order, each once."""
    asked = [re.split(r"[\s<>=!~;\[]", requirement)[0] for requirement in LISTED[heading]]
    assert [cells[0] for cells in lines(heading)] == [f"`{name}`" for name in asked]


@pytest.mark.parametrize("heading", LISTED)
def test_each_line_says_what_for_and_why_this_one(heading: str) -> None:
    """No cell of a line is empty."""
    assert [cells for cells in lines(heading) if len(cells) != 3 or not all(cells)] == []
