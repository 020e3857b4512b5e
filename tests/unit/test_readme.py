"""README.md fits on a few screens, and its figures are those of the pages that it names."""

import re

import pytest

from tests.page import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PROMISES = README.split("## What it promises\n")[1].split("\n## ")[0]
ROWS = re.findall(r"^\| ([A-Z].+?) \| (.+?) \| (.+?) \|$", PROMISES, re.MULTILINE)
PEERS = README.split("## Beside others\n")[1].split("\n## ")[0]


def page(link: str) -> str:
    """Read the page that a text links to, as one line."""
    (name,) = re.findall(r"\]\((docs/.+?)\)", link)
    return " ".join((PROJECT / name).read_text(encoding="utf-8").split())


def test_it_is_short() -> None:
    """A visitor reads it in a few minutes."""
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize(("promise", "figure", "source"), ROWS)
def test_a_figure_stands_on_the_page_of_its_row(promise: str, figure: str, source: str) -> None:
    """Each promise has a figure, and the page that the row links to has it too."""
    figures = re.findall(r"\*\*(.+?)\*\*", figure)
    assert figures, promise
    text = page(source)
    assert [each for each in figures if not re.search(rf"(?<![\d.,]){re.escape(each)}(?![\d.,]\d)", text)] == []


def test_the_rates_beside_others_are_those_of_the_performance_page() -> None:
    """Who compares us with others finds the same rates where it is said how they were measured."""
    rates = re.findall(r"(\d+,\d{3})(?: jobs)?/s", PEERS)
    assert len(rates) == 4
    text = page("[performance](docs/performance.md)")
    assert [rate for rate in rates if not re.search(rf"{rate}(?: jobs)?/s", text)] == []


def test_every_promise_has_a_row() -> None:
    """The table is found as a whole: a row of another shape would not be checked."""
    lines = [line for line in PROMISES.splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - 1
