"""The command as a whole: its parts, and what a fault looks like to whoever typed it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from health import VERSION, Format, HealthError, LogSettingError, configure
from outbox.database.connection import refusal
from outbox.error import OutboxError
from telegram.error import TelegramError
from workers.command import (
    api,
    bot,
    dead,
    doctor,
    emit,
    links,
    look,
    print_health,
    prove,
    prune,
    recipients,
    schema,
    transfer,
    unknown,
    unrouted,
    worker,
)
from workers.configuration.settings import SettingsError
from workers.demo import command as demo
from workers.embedded.engine import EngineMissingError
from workers.process.exit_code import Exit
from workers.process.postgres_retry import OUT_OF_REACH

app = typer.Typer(
    name="vestnik",
    help="A transactional outbox with delivery workers for Telegram and an in-app inbox.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (
    worker,
    bot,
    api,
    demo,
    schema,
    emit,
    look,
    print_health,
    prove,
    dead,
    unknown,
    unrouted,
    prune,
    doctor,
    recipients,
    links,
    transfer,
):
    part.add_to(app)

KNOWN = (SettingsError, EngineMissingError, OutboxError, TelegramError, HealthError)
"""Faults whose message is made for whoever typed the command."""

SHORT = {"--once": ["worker", "--once"], "--watch": ["worker", "--watch"]}
"""`python -m workers --once` and `--watch`."""


@app.callback(invoke_without_command=True)
def _root(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if version:
        typer.echo(VERSION)
        raise typer.Exit


def main() -> None:
    """Run the command line; known faults end in one line and an exit code, and never show a secret."""
    if sys.argv[1:2] and sys.argv[1] in SHORT:
        sys.argv[1:2] = SHORT[sys.argv[1]]
    # before anything is logged: a line that is written without it has not passed the gate
    _log()
    try:
        # not app(): Typer would put a hook of its own in the place of ours, which prints the exception's message
        typer.main.get_command(app)()
    except KNOWN as fault:
        _end(str(fault), Exit.WRONG_SETTINGS)
    except BaseExceptionGroup as group:
        known, rest = group.split(KNOWN)
        if known is None or rest is not None:
            raise
        _end("; ".join(str(fault) for fault in _leaves(known)), Exit.WRONG_SETTINGS)
    except OUT_OF_REACH as fault:
        _end(*_words_for(fault))


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Give what failed in tasks, also in tasks of tasks."""
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)
        else:
            yield fault


def _log() -> None:
    """Log beside what is printed: for people on a terminal, else for the journal, unless LOG_FORMAT says how."""
    if sys.stderr is None:
        # whoever has closed it wants no lines, and least of all on stdout
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (for as long as the process lives)
    usual = Format.CONSOLE if sys.stderr.isatty() else Format.JSON
    given = os.environ.get("LOG_LEVEL", "info"), os.environ.get("LOG_FORMAT", usual)
    try:
        configure(*given, "command", "command", sys.stderr)
    except LogSettingError:
        # that is for those to say who need their settings; `doctor` names it
        configure("info", usual, "command", "command", sys.stderr)


def _words_for(fault: BaseException) -> tuple[str, Exit]:
    """Say what keeps us from PostgreSQL, or from a file; the driver's text can hold an address with a password."""
    # without a name it is a socket or a certificate of the address
    if isinstance(fault, (FileNotFoundError, PermissionError, IsADirectoryError)) and fault.filename is not None:
        return f"{fault.filename}: {fault.strerror}", Exit.WRONG_SETTINGS
    refused = refusal(fault)
    if refused is not None:
        return refused, Exit.WRONG_SETTINGS
    words = f"out of reach: {type(fault).__name__}. Is DATABASE_URL right, and does PostgreSQL run?"
    return words, Exit.OUT_OF_REACH


def _end(message: str, code: Exit) -> None:
    sys.stderr.write(f"vestnik: {message}\n")
    raise SystemExit(code)
