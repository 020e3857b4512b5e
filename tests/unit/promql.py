"""PromQL: what stands on a page, and what an expression asks for, as far as ours go."""

import re

from tests import page

OURS = re.compile(r"\bvestnik_[a-z]")
SERIES = re.compile(r"\b((?:vestnik_|vestnik:)[a-z0-9_:]+|up)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def queries(text: str) -> list[str]:
    """List the queries of a page, and the metrics that it names, which are queries too."""
    return sorted({code for code in page.typed(text) if OURS.search(code)})


def series_of(expression: str) -> dict[str, set[str]]:
    """Name the series that it reads, each with the labels that it selects by."""
    found: dict[str, set[str]] = {}
    for name, matchers in SERIES.findall(expression):
        found.setdefault(name, set()).update(MATCHER.findall(matchers))
    return found


def grouping_of(expression: str) -> set[str]:
    """Name the labels that it groups or joins by."""
    return {label.strip() for labels in GROUPING.findall(expression) for label in labels.split(",") if label.strip()}


def unknown(expression: str, labels: dict[str, frozenset[str]]) -> set[str]:
    """Name what it asks for that is not there: a series, or a label that none of its series has."""
    asked = series_of(expression)
    missing = {name for name in asked if name not in labels}
    had = frozenset[str]().union(*(labels.get(name, frozenset()) for name in asked))
    wrong = {f"{name}{{{label}}}" for name in asked if name in labels for label in asked[name] - labels[name]}
    return missing | wrong | (grouping_of(expression) - had)
