"""`doctor`: what is wrong with an installation, and what to do."""

import os

import typer

from workers.command.output import Json, print_json, print_table
from workers.command.setup import run


def doctor(*, as_json: Json = False) -> None:
    """Look at settings, catalog, PostgreSQL, Redis and Telegram; exit 1 when something does not work."""
    from workers.doctor import Level, examine  # noqa: PLC0415 (aiogram is heavy, and other commands do not need it)

    found = run(examine(os.environ))
    if as_json:
        print_json(found)
    else:
        print_table("doctor", ("check", "", "found", "to do"), [(f.check, f.level, f.says, f.todo) for f in found])
    if any(f.level is Level.FAIL for f in found):
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(doctor)
