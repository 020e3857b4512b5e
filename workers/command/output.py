"""What commands print: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 160

Json = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]


def print_json(facts: object) -> None:
    """Print facts as one JSON document."""
    typer.echo(json.dumps(_plain(facts), ensure_ascii=False, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table; the width is the terminal's."""
    # as Text: what people are called is no markup
    table = Table(title=Text(title), title_justify="left")
    for column in columns:
        # an id that is cut off is of no use
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else _shown(cell)) for cell in row))
    # what is piped has no width: wide enough that nothing is cut
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table)


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print names and values as a table of two columns."""
    print_table(title, ("what", "value"), facts.items())


def _shown(cell: object) -> str:
    if isinstance(cell, datetime):
        return cell.astimezone().strftime("%m-%d %H:%M:%S.%f")[:-3]
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def _plain(facts: object) -> Any:  # noqa: ANN401 (whatever JSON can hold)
    if is_dataclass(facts) and not isinstance(facts, type):
        return _plain(asdict(facts))
    if isinstance(facts, Mapping):
        return {str(name): _plain(value) for name, value in facts.items()}
    if isinstance(facts, list | tuple | set | frozenset):
        return [_plain(item) for item in facts]
    return facts.isoformat() if isinstance(facts, datetime) else facts
