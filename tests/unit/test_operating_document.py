"""docs/operating.md is held to the commands."""

import re
from collections.abc import Iterator

from tests import page
from tests.surface.command import commands

CELLS = re.findall(r"^\| (`vestnik .+?) \|", page.read("operating.md"), re.MULTILINE)


def named(cell: str) -> Iterator[str]:
    """Name the commands of one cell: the first in full, what follows it by its last word."""
    first, *others = (re.split(r" (?=[-A-Z\[])", code)[0] for code in re.findall(r"`([^`]+)`", cell))
    yield first
    yield from (f"{first.rpartition(' ')[0]} {other}" for other in others)


def test_every_command_has_its_row() -> None:
    """The page says of each command what it does and how it ends, and of no other."""
    parents = {context.parent.command_path for _, context in commands() if context.parent}
    leaves = {context.command_path for _, context in commands()} - parents
    assert {name for cell in CELLS for name in named(cell)} == leaves
