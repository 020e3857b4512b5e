"""docs/logs.md is held to the code: its tables name every event that is logged at info and above, and no other."""

import re

from tests import page
from tests.surface.log_line import UNREAD, lines

PAGE = page.read("logs.md")
TOLD = PAGE.partition("## What is told\n")[2].partition("\n## ")[0]
EVENTS_OF_ROW = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


def test_the_page_names_every_event_and_no_other() -> None:
    """What the code logs and what the tables name is the same."""
    named = [word for row in EVENTS_OF_ROW.findall(TOLD) for word in re.findall(r"`(\w+)`", row)]
    assert set(named) == {line.event for line in lines() if line.levels != {"debug"}}


def test_what_is_handed_on_is_known() -> None:
    """An event that is no word of its own was followed to the words that it can be."""
    assert [line.event for line in lines() if line.event.startswith(UNREAD)] == []
