"""`emit` and `load`: events from the command line."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import Progress

from outbox.database.connection import Connection
from outbox.error import InvalidEventError
from outbox.event_log import event
from workers.command.fact import tell
from workers.command.line import REJECTED, Rejected, keep_rejected, parse, read_lines, reject, tell_rejected
from workers.command.output import Json, print_json
from workers.command.setup import database, run
from workers.configuration.settings import SettingsError


class EventLine(BaseModel):
    """One event of a file: the arguments of `outbox.emit` by their names."""

    model_config = ConfigDict(extra="forbid", strict=True, title="event")

    type: str
    recipients: list[str]
    payload: dict[str, Any] = Field(default_factory=dict)
    dedupe_key: str | None = None
    request_id: str | None = None
    deliver_at: AwareDatetime | None = Field(default=None, strict=False)
    expires_at: AwareDatetime | None = Field(default=None, strict=False)


@dataclass(slots=True)
class Loaded:
    """What has become of events and of lines that should be some."""

    events: Counter[int] = field(default_factory=Counter)
    """How often each event id was given."""
    new: int = 0
    """Events that were not there before."""
    last: dict[str, Any] = field(default_factory=dict)
    """What is known of the last of them."""
    rejected: list[Rejected] = field(default_factory=list)

    def log(self) -> None:
        """Log what is new; of a single event what is known of it."""
        tell("events_emitted", self.new, **(self.last if self.new == 1 else {}))


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
    line = EventLine(type=type_, recipients=to, payload=payload, dedupe_key=dedupe_key, request_id=request_id)
    event_id = run(_emit(line))
    if as_json:
        print_json({"event_id": event_id})
    else:
        typer.echo(event_id)


async def _emit(line: EventLine) -> int:
    loaded = Loaded()
    async with database() as conn:
        event_id = await _write(conn, line, loaded)
    loaded.log()
    return event_id


def load(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], *, as_json: Json = False) -> None:
    """Emit a file of events, one JSON object a line.

    Bad lines are reported by number and written to FILE.rejected.jsonl; the good ones are loaded. Exits 3 then.
    """
    total = sum(1 for _ in file.open("rb"))
    loaded = Loaded()
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("loading", total=total)
            run(load_file(file, loaded, lambda: progress.advance(task)))
    finally:
        # also of a file that broke off: what is emitted stays emitted
        loaded.log()
    events, rejected = loaded.events, loaded.rejected
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


async def load_file(file: Path, loaded: Loaded, advance: Callable[[], None] = lambda: None) -> None:
    """Emit the good lines in their order, and keep in `loaded` what becomes of each."""
    async with database() as conn:
        for number, text in read_lines(file):
            await _load_line(conn, number, text, loaded)
            advance()


async def _load_line(conn: Connection, number: int, text: str, loaded: Loaded) -> None:
    line = parse(EventLine, number, text)
    if isinstance(line, Rejected):
        loaded.rejected.append(line)
        return
    try:
        await _write(conn, line, loaded)
    except InvalidEventError as refused:
        loaded.rejected.append(reject(number, text, str(refused)))


async def _write(conn: Connection, line: EventLine, loaded: Loaded) -> int:
    if line.dedupe_key is None:
        event_id, new = await event.emit(conn, **dict(line)), True
    else:
        async with conn.transaction():
            event_id = await event.emit(conn, **dict(line))
            new = bool(await event.written(conn, [event_id]))
    loaded.events[event_id] += 1
    if new:
        loaded.new += 1
        loaded.last = {"event_id": event_id, "request_id": line.request_id}
    return event_id


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.command()(emit)
    app.command()(load)
