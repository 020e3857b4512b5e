"""`emit` and `load`: events from the command line."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import Progress

from outbox import event
from outbox.database import Connection
from outbox.error import InvalidEventError
from workers.command.line import REJECTED, Rejected, keep_rejected, parse, read_lines, reject, tell_rejected
from workers.command.output import Json, print_json
from workers.command.session import database, run
from workers.settings import SettingsError


class Line(BaseModel):
    """One event of a file: the arguments of `outbox.emit` by their names."""

    model_config = ConfigDict(extra="forbid", strict=True, title="event")

    type: str
    recipients: list[str]
    payload: dict[str, Any] = Field(default_factory=dict)
    dedupe_key: str | None = None
    request_id: str | None = None
    deliver_at: AwareDatetime | None = Field(default=None, strict=False)
    expires_at: AwareDatetime | None = Field(default=None, strict=False)


def emit(  # noqa: PLR0913 (each option by its name)
    type_: Annotated[str, typer.Argument(metavar="TYPE")],
    *,
    to: Annotated[list[str], typer.Option(help="A recipient; may be given more than once.")],
    data: Annotated[str, typer.Option(help="The payload, a JSON object.")] = "{}",
    dedupe_key: Annotated[str | None, typer.Option(help="The same key again writes nothing.")] = None,
    request_id: Annotated[str | None, typer.Option(help="The request that this event comes from.")] = None,
    as_json: Json = False,
) -> None:
    """Emit one event and print its id."""
    try:
        payload = json.loads(data)
    except json.JSONDecodeError as fault:
        raise SettingsError(f"--data is no JSON: {fault.msg} at column {fault.colno}") from None
    if not isinstance(payload, dict):
        raise SettingsError("--data is no JSON object")
    line = Line(type=type_, recipients=to, payload=payload, dedupe_key=dedupe_key, request_id=request_id)
    event_id = run(_emit(line))
    if as_json:
        print_json({"event_id": event_id})
    else:
        typer.echo(event_id)


async def _emit(line: Line) -> int:
    async with database() as conn:
        return await event.emit(conn, **dict(line))


def load(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], *, as_json: Json = False) -> None:
    """Emit a file of events, one JSON object a line.

    Bad lines are reported by number and written to FILE.rejected.jsonl; the good ones are loaded. Exits 3 then.
    """
    total = sum(1 for _ in file.open("rb"))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("loading", total=total)
        events, rejected = run(load_file(file, lambda: progress.advance(task)))
    if rejected:
        keep_rejected(file, rejected)
    facts = {"lines": total, "events": len(events), "repeated": events.total() - len(events)}
    if as_json:
        print_json({**facts, "rejected": [fault.model_dump(exclude={"text"}) for fault in rejected]})
    else:
        tell_rejected(rejected)
        typer.echo(", ".join(f"{count:,} {name}" for name, count in {**facts, "rejected": len(rejected)}.items()))
    if rejected:
        raise typer.Exit(REJECTED)


async def load_file(file: Path, advance: Callable[[], None] = lambda: None) -> tuple[Counter[int], list[Rejected]]:
    """Emit the good lines in their order; return how often each event id was given, and the bad lines."""
    events: Counter[int] = Counter()
    rejected: list[Rejected] = []
    async with database() as conn:
        for number, text in read_lines(file):
            found = await _load_line(conn, number, text)
            if isinstance(found, Rejected):
                rejected.append(found)
            else:
                events[found] += 1
            advance()
    return events, rejected


async def _load_line(conn: Connection, number: int, text: str) -> int | Rejected:
    line = parse(Line, number, text)
    if isinstance(line, Rejected):
        return line
    try:
        return await event.emit(conn, **dict(line))
    except InvalidEventError as refused:
        return reject(number, text, str(refused))


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.command()(emit)
    app.command()(load)
