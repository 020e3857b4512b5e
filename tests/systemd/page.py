"""The commands of docs/install.md and of other pages: what the test runs is what the page says."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "install.md"


def blocks(page: Path = PAGE) -> dict[str, list[str]]:
    """Give the blocks of commands under each heading."""
    sections = re.split(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
    }
