"""`print-health`: what health files say, for cron, a monitoring script and people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from health import Probe, Report, Status, read
from health.file import STALE
from workers.command.age import age
from workers.command.output import Json, print_json
from workers.configuration.settings import load


def print_health(
    places: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE|FOLDER]...", help="Health files; HEALTH_FILE by default.")
    ] = None,
    *,
    max_age: Annotated[
        str, typer.Option(help="How old a sign of life may be: longer for what a timer runs.")
    ] = f"{STALE.seconds}s",
    checks: Annotated[bool, typer.Option("--checks", help="A line for each check, too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing of what is healthy.")] = False,
    as_json: Json = False,
) -> None:
    """Show health files, the worst first. Exits 0 healthy, 1 degraded, 2 unhealthy, stale or missing: as the worst."""
    allowed = age("--max-age", max_age)
    reports = [(file, read(file, max_age=allowed)) for file in _files(places or [])]
    if not reports:
        typer.echo("vestnik: HEALTH_FILE is not set", err=True)
        raise typer.Exit(int(Probe.UNHEALTHY))
    # a monitoring system shows the first line
    reports.sort(key=lambda found: -found[1].exit_code)
    if as_json:
        print_json(_facts(reports[0][1]) if not places else [{"file": str(f), **_facts(r)} for f, r in reports])
    else:
        _print([found for found in reports if found[1].exit_code or not quiet], named=bool(places), checks=checks)
    raise typer.Exit(int(reports[0][1].exit_code))


def _files(places: Sequence[Path]) -> list[Path]:
    """Name the files: of a folder, all that are there. One without any is a file that cannot be read."""
    if not places:
        file = load().health_file
        return [] if file is None else [file]
    return [file for place in places for file in sorted(place.glob("*.json")) or [place]]


def _print(reports: Sequence[tuple[Path, Report]], *, named: bool, checks: bool) -> None:
    for file, report in reports:
        typer.echo(f"{file}: {report.reason}" if named else report.reason)
        for line in report.checks() if checks else ():
            typer.echo(f"  {line}")


def _facts(report: Report) -> dict[str, object]:
    """Give the file's facts, with the verdict on it: a stale file says of itself that all is well."""
    return {**report.facts, "verdict": list(Status)[report.exit_code].value, "reason": report.reason}


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(print_health)
