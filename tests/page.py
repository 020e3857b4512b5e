"""A page of docs/: its entries, its blocks, and what it gives to be typed in. Debian's own Python reads it so, too."""

import re
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[1]

ENTRY = re.compile(r"^## (.+)\n", re.MULTILINE)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(rf"{FENCED.pattern}|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"\s+# .*")

Elsewhere = Mapping[str, tuple[str, str]]
"""Commands, each with the file that runs it, or that it needs, and what stands there."""


def read(name: str) -> str:
    """Read a page."""
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


def entries(text: str) -> dict[str, str]:
    """Give what stands under each heading; under none: what comes before the first."""
    before, *rest = ENTRY.split(text)
    return {"": before, **dict(zip(rest[::2], rest[1::2], strict=True))}


def blocks(text: str, language: str = "") -> list[str]:
    """Give the blocks in a language; in none: those to be typed in."""
    return [block for found, block in FENCED.findall(text) if found == language]


def in_blocks(text: str) -> list[str]:
    """List the lines of the blocks to be typed in, without their comments."""
    return [COMMENT.sub("", line) for block in blocks(text) for line in block.splitlines()]


def typed(text: str) -> list[str]:
    """List the lines of these blocks, and all that is set as code between them, in the order of the page."""
    found = CODE.finditer(text)
    parts = [in_blocks(code[0]) if code[3] is None else [code[3]] for code in found]
    return [line for part in parts for line in part]


def not_there(elsewhere: Elsewhere) -> list[str]:
    """Name the commands of which the file does not have what is claimed."""
    return [each for each, (file, text) in elsewhere.items() if text not in (PROJECT / file).read_text()]
