"""docs/guarantees.md is held to the tests that it names."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (G\d+): .+\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
NAMED = sorted(set(re.findall(r"`(tests/[^`]*)`", PAGE)))
PROMISES = [f"G{number}" for number in range(1, 12)]


@cache
def names_in(path: str) -> frozenset[str]:
    """Name the tests that a file defines."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_promise_has_its_section() -> None:
    """The page has the eleven promises in their order, and no other sections."""
    assert re.findall(r"^## (\S+?):? ", PAGE, re.MULTILINE) == PROMISES


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_has_limits_and_a_test(promise: str) -> None:
    """Each promise has its limits, its means and at least one test."""
    section = SECTIONS[promise]
    assert [part for part in ("**Not promised.**", "**How.**", "**Shown by**") if part not in section] == []
    assert "`tests/" in section


@pytest.mark.parametrize("named", NAMED)
def test_a_named_test_exists(named: str) -> None:
    """What the page names as a test is the whole name of one that is there."""
    path, separator, name = named.partition("::")
    assert separator
    assert name.startswith("test_")
    assert name in names_in(path)


def test_every_decision_that_is_pointed_to_is_there() -> None:
    """The page's links to decisions lead somewhere."""
    links = re.findall(r"\]\((decisions/[^)]*)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).is_file()] == []
