"""A catalog with one event type of each kind, whose messages can be told by their number."""

from pathlib import Path

BOTH = "note.both"
"""To Telegram and the inbox; sent again where nobody can say whether it arrived."""
INBOX = "note.inbox"
"""To the inbox only."""
HELD = "note.held"
"""As `note.both`, but urgent and never sent again."""

TELEGRAM = frozenset({BOTH, HELD})

# the address is the one by which the stage tells messages
CATALOG = """
default_language = "en"
base_url = "https://market.example"
[types."note.both"]
category = "notes"
channels = ["telegram", "inapp"]
link = "/jobs/{{ number }}"
sample = { number = 7 }
[types."note.inbox"]
category = "notes"
channels = ["inapp"]
link = "/jobs/{{ number }}"
sample = { number = 7 }
[types."note.held"]
category = "notes"
channels = ["telegram", "inapp"]
on_unknown = "hold"
urgent = true
link = "/jobs/{{ number }}"
sample = { number = 7 }
"""
TEXT = """
[types."{name}"]
title = "Note {{{{ number }}}}"
body = "One more"
button = "Open"
"""


def write(folder: Path) -> Path:
    """Write the catalog's files."""
    folder.mkdir()
    (folder / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    texts = "".join(TEXT.format(name=name) for name in (BOTH, INBOX, HELD))
    head = 'generic = "Something happened"\n[categories]\nnotes = "Notes"\n'
    (folder / "en.toml").write_text(head + texts, encoding="utf-8")
    return folder
