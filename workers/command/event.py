"""`emit` and `load`: events from the command line."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console
from rich.progress import Progress

from outbox import event
from outbox.database import Connection
from outbox.error import InvalidEventError
from workers.command.output import Json, print_json
from workers.command.session import database, run
from workers.settings import SettingsError

REJECTED = 3
"""Exit code when lines were rejected."""


class Line(BaseModel):
    """One event of a file: the arguments of `outbox.emit` by their names."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: str
    recipients: list[str]
    payload: dict[str, Any] = Field(default_factory=dict)
    dedupe_key: str | None = None
    request_id: str | None = None
    deliver_at: AwareDatetime | None = Field(default=None, strict=False)
    expires_at: AwareDatetime | None = Field(default=None, strict=False)


class Rejected(BaseModel):
    """A line that was not loaded, as it is written to FILE.rejected.jsonl."""

    line: int
    """Number of the line, from 1."""
    reason: str
    text: str


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
        _write_rejected(file, rejected)
    facts = {"lines": total, "events": len(events), "repeated": events.total() - len(events)}
    if as_json:
        print_json({**facts, "rejected": [fault.model_dump(exclude={"text"}) for fault in rejected]})
    else:
        for fault in rejected:
            typer.echo(f"line {fault.line}: {fault.reason}", err=True)
        typer.echo(", ".join(f"{count:,} {name}" for name, count in {**facts, "rejected": len(rejected)}.items()))
    if rejected:
        raise typer.Exit(REJECTED)


async def load_file(file: Path, advance: Any = lambda: None) -> tuple[Counter[int], list[Rejected]]:  # noqa: ANN401
    """Emit the good lines in their order; return how often each event id was given, and the bad lines."""
    events: Counter[int] = Counter()
    rejected: list[Rejected] = []
    async with database() as conn:
        for number, text in _lines(file):
            if text.strip():
                found = await _load_line(conn, number, text)
                if isinstance(found, Rejected):
                    rejected.append(found)
                else:
                    events[found] += 1
            advance()
    return events, rejected


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    with file.open("rb") as source:
        for number, raw in enumerate(source, start=1):
            yield number, raw.decode("utf-8", errors="surrogateescape").rstrip("\r\n")


async def _load_line(conn: Connection, number: int, text: str) -> int | Rejected:
    try:
        text.encode("utf-8")
        line = Line.model_validate(json.loads(text))
        return await event.emit(conn, **dict(line))
    except UnicodeEncodeError:
        reason = "not UTF-8"
    except json.JSONDecodeError as fault:
        reason = f"no JSON: {fault.msg} at column {fault.colno}"
    except RecursionError:
        reason = "JSON that is nested too deep"
    except ValidationError as invalid:
        fault_ = invalid.errors(include_input=False, include_url=False)[0]
        # the name of a field that is not ours can be anything, so it is not repeated
        unknown = fault_["type"] == "extra_forbidden"
        reason = "a field that no event has" if unknown else _told(fault_)
    except InvalidEventError as refused:
        reason = str(refused)
    except ValueError:
        reason = "JSON with a number that is too long"
    # bytes that are no UTF-8 stay readable as \xNN
    shown = text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="backslashreplace")
    return Rejected(line=number, reason=reason, text=shown)


def _told(fault: ErrorDetails) -> str:
    return f"{'.'.join(str(part) for part in fault['loc']) or 'line'}: {fault['msg']}"


def _write_rejected(file: Path, rejected: list[Rejected]) -> None:
    path = (
        file.with_name(f"{file.name}.rejected.jsonl")
        if file.suffix != ".jsonl"
        else file.with_suffix(".rejected.jsonl")
    )
    try:
        with path.open("w", encoding="utf-8") as target:
            for fault in rejected:
                target.write(json.dumps(fault.model_dump(), ensure_ascii=False) + "\n")
    except OSError as fault:
        raise SettingsError(f"{path} cannot be written: {type(fault).__name__}; the good lines are loaded") from None
    typer.echo(f"{len(rejected)} rejected lines: {path}", err=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.command()(emit)
    app.command()(load)
