"""Files of lines, one JSON object each: read, and the bad ones told by number and kept."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import typer
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from workers.configuration.settings import SettingsError

REJECTED = 3
"""Exit code when lines were rejected."""

Model = TypeVar("Model", bound=BaseModel)


class Rejected(BaseModel):
    """A line that was not taken, as it is written to FILE.rejected.jsonl."""

    line: int
    """Number of the line, from 1."""
    reason: str
    text: str


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Read the lines that are not empty, with their numbers; bytes that are no UTF-8 become surrogates."""
    with file.open("rb") as source:
        for number, raw in enumerate(source, start=1):
            text = raw.decode("utf-8", errors="surrogateescape").rstrip("\r\n")
            if text.strip():
                yield number, text


def parse(model: type[Model], number: int, text: str) -> Model | Rejected:
    """Make a line into what it says; the reason of a bad one names its field and never repeats its contents."""
    try:
        text.encode("utf-8")
        return model.model_validate(json.loads(text))
    except UnicodeEncodeError:
        reason = "not UTF-8"
    except json.JSONDecodeError as fault:
        reason = f"no JSON: {fault.msg} at column {fault.colno}"
    except RecursionError:
        reason = "JSON that is nested too deep"
    except ValidationError as invalid:
        reason = _told(model, invalid.errors(include_input=False, include_url=False)[0])
    except ValueError:
        reason = "JSON with a number that is too long"
    return reject(number, text, reason)


def reject(number: int, text: str, reason: str) -> Rejected:
    """Reject a line for a reason."""
    # bytes that are no UTF-8 stay readable as \xNN
    shown = text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="backslashreplace")
    return Rejected(line=number, reason=reason, text=shown)


def _told(model: type[BaseModel], fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":
        # the name of a field that is not ours can be anything, so it is not repeated
        return f"a field that no {model.model_config.get('title', 'line')} has"
    return f"{'.'.join(str(part) for part in fault['loc']) or 'line'}: {fault['msg']}"


def keep_rejected(file: Path, rejected: Sequence[Rejected]) -> None:
    """Write rejected lines beside their file, and say where."""
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


def tell_rejected(rejected: Sequence[Rejected]) -> None:
    """Name each rejected line by its number, on stderr."""
    for fault in rejected:
        typer.echo(f"line {fault.line}: {fault.reason}", err=True)
