"""docs/runbook.md is held to the alerts; it and docs/health.md to the metrics."""

import re

import pytest

from tests import page
from tests.unit.promql import queries, unknown
from tests.unit.series import known
from tests.unit.test_alerts import ALERTS

PAGE = page.read("runbook.md")
SECTIONS = {entry: text for entry, text in page.entries(PAGE).items() if entry}


def test_every_alert_has_its_entry() -> None:
    """The page has an entry for each alert and no others, in the order of the rules."""
    assert list(SECTIONS) == list(ALERTS)


@pytest.mark.parametrize("entry", SECTIONS)
def test_an_entry_tells_meaning_look_and_mending(entry: str) -> None:
    """Each entry says what the alert means, where to look and what mends it, and names a command."""
    parts = re.findall(r"^\*\*(\w+)\.\*\* \S", SECTIONS[entry], re.MULTILINE)
    assert parts == ["Means", "Look", "Mend"]
    assert "vestnik " in SECTIONS[entry]


@pytest.mark.parametrize("query", queries(PAGE + page.read("health.md")))
def test_a_query_asks_for_metrics_that_exist(query: str) -> None:
    """Each query or metric that the pages name is one of ours, with its labels."""
    assert unknown(query, known()) == set()
