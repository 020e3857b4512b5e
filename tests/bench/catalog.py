"""The event types that the whole-way rows emit, and the payload of each."""

import json
from pathlib import Path

INAPP, TELEGRAM, BOTH, FULL, URGENT = "bench.inapp", "bench.telegram", "bench.both", "bench.full", "bench.urgent"

SHORT = '{"t": 0}'
LONG = json.dumps({"t": 0, "name": "Acme & Sons", "sum": 129.5, "cur": "EUR", "late": False})
"""`t` is the time of an emit that is measured by itself, and 0 for all the others."""

CATALOG = """
default_language = "en"
base_url = "https://market.example"
[types."bench.inapp"]
category = "bench"
channels = ["inapp"]
[types."bench.telegram"]
category = "bench"
channels = ["telegram"]
[types."bench.both"]
category = "bench"
channels = ["inapp", "telegram"]
[types."bench.urgent"]
category = "bench"
channels = ["telegram"]
urgent = true
[types."bench.full"]
category = "bench"
channels = ["telegram"]
link = "/jobs/{{ t }}"
mute_button = true
"""
TEXTS = """
generic = "News"
[categories]
bench = "Bench"
[types."bench.full"]
title = "Order {{ t }} of {{ name }}"
body = "<b>{{ name }}</b> has paid {{ sum|money(cur) }}{% if late %}, late{% endif %}. Thank you!"
button = "Open"
"""
TYPE = """
[types."{}"]
category = "bench"
channels = ["telegram"]
"""
TEXT = """
[types."{}"]
title = "T"
body = "{{{{ t }}}}"
"""


def numbered(count: int) -> list[str]:
    """Name so many types that go to Telegram."""
    return [f"bench.type{number}" for number in range(count)]


def write(folder: Path, more: int = 0) -> Path:
    """Write the catalog, with so many types more; return its folder."""
    folder.mkdir(exist_ok=True)
    types = numbered(more)
    (folder / "catalog.toml").write_text(CATALOG + "".join(map(TYPE.format, types)), encoding="utf-8")
    short = [INAPP, TELEGRAM, BOTH, URGENT, *types]
    (folder / "en.toml").write_text(TEXTS + "".join(map(TEXT.format, short)), encoding="utf-8")
    return folder
