"""docs/logs.md is held to the code: its tables name every event that is logged at info and above, and no other."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
TOLD = PAGE.partition("## What is told\n")[2].partition("\n## ")[0]
EVENTS_OF_ROW = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)
PACKAGES = ("health", "inapp", "outbox", "telegram", "workers")
LOGGING = re.compile(r"get_logger|command\.fact import|visit\.note|\bFact\(")
"""Stands in every file that logs: elsewhere a function of one of these names does something else."""

LEVELS = {"info", "warning", "error", "critical"}
OUR_OWN = {"report", "tell", "Fact"}
"""What is given an event to log, besides a logger's methods and `visit.note`."""

HANDED_ON: Mapping[tuple[str, str], set[str]] = {
    ("health/library.py", "event"): {"library_error", "library_warning"},
    ("telegram/bot/reception.py", "fact.event"): set(),
    ("telegram/bot/visit.py", "event"): set(),
    ("workers/command/fact.py", "event"): set(),
    ("workers/command/order.py", "LOGGED[plan.action]"): {
        "deliveries_replayed",
        "deliveries_discarded",
        "deliveries_resent",
        "deliveries_confirmed",
    },
    ("workers/once.py", "fault"): {"health_file_unwritable", "metrics_textfile_unwritable"},
    ("workers/stop.py", "fact"): {"worker_stopping", "bot_stopping", "api_stopping"},
}
"""Where an event is no word of its own: file and expression, and what it can be; nothing, if others name it."""


@cache
def sources() -> Mapping[str, str]:
    """Read every file that logs."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    read = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}
    return {file: text for file, text in read.items() if LOGGING.search(text)}


def takes_event(called: ast.expr) -> bool:
    """Tell whether the first argument of what is called is an event."""
    match called:
        case ast.Name(name):
            return name in OUR_OWN
        case ast.Attribute(ast.Name("log") | ast.Call(ast.Name("get_logger")), level):
            return level in LEVELS
        case ast.Attribute(ast.Name("visit"), "note"):
            return True
    return False


def events() -> Iterator[tuple[str, ast.expr]]:
    """Give what is logged, as it is written, and the file in which it stands."""
    for file, text in sources().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and takes_event(node.func):
                yield file, node.args[0]


def test_the_page_names_every_event_and_no_other() -> None:
    """What the code logs and what the tables name is the same."""
    written = {word.value for _, word in events() if isinstance(word, ast.Constant)}
    handed_on = {word for words in HANDED_ON.values() for word in words}
    named = [word for row in EVENTS_OF_ROW.findall(TOLD) for word in re.findall(r"`(\w+)`", row)]
    assert set(named) == written | handed_on


def test_what_is_handed_on_is_known() -> None:
    """An event that is no word of its own stands in the list above, with words that stand in the code."""
    found = {(file, ast.unparse(word)) for file, word in events() if not isinstance(word, ast.Constant)}
    assert found == set(HANDED_ON)
    everything = "\n".join(sources().values())
    assert [word for words in HANDED_ON.values() for word in words if f'"{word}"' not in everything] == []
