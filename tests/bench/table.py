"""What a benchmark reports: a figure beside its floor, measured in the same run."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    measured: str
    target: str
    floor: str = ""
    """What the same machine did in the same run without the thing that is measured."""


def show(figures: Sequence[Figure], head: str = "") -> None:
    """Print the table, below what it was measured on."""
    table = Table(title=f"measured in this run, on this machine\n{head}".strip(), title_justify="left", show_lines=True)
    for column in ("what", "measured", "target", "beside"):
        table.add_column(column)
    for figure in figures:
        table.add_row(figure.what, figure.measured, figure.target, figure.floor)
    Console(width=140).print(table)
