"""`status`, `print-health`, `trace`, `prove` and `catalog check`: looking without touching."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from health import read as read_health
from outbox import backlog, proof
from outbox import trace as trace_
from outbox.backlog import Backlog
from outbox.catalog import load as load_catalog
from outbox.catalog_check import check as check_texts
from outbox.proof import Proof
from telegram.catalog_check import check as check_messages
from workers.command.output import Json, print_facts, print_json, print_table
from workers.command.session import database, run
from workers.settings import SettingsError, load


def status(*, as_json: Json = False) -> None:
    """Show backlog, lag, lanes and dead letters."""
    seen = run(_look())
    if as_json:
        print_json(seen)
        return
    states = [(channel, state, count) for channel, by in seen.deliveries.items() for state, count in by.items()]
    print_table("not finished", ("channel", "state", "deliveries"), states)
    print_facts(
        "outbox",
        {
            "relay lag, s": round(seen.relay_lag, 3),
            "oldest due, s": round(max(seen.oldest_due.values(), default=0.0), 3),
            "oldest dead letter, s": round(max(seen.oldest_dead.values(), default=0.0), 1),
            "lanes due": seen.lanes_due,
            "lanes leased": seen.lanes_leased,
            "events scheduled": seen.scheduled,
            "oldest open transaction, s": round(seen.oldest_transaction, 1),
            "cursor moved at": seen.cursor_moved_at,
        },
    )


async def _look() -> Backlog:
    async with database() as conn:
        return await backlog.look(conn)


UNHEALTHY = 2
"""Exit code of `print-health` where nothing can be said."""


def print_health(*, as_json: Json = False) -> None:
    """Show the health file. Exits 0 healthy, 1 degraded, 2 unhealthy, stale or missing."""
    settings = load()
    if settings.health_file is None:
        typer.echo("vestnik: HEALTH_FILE is not set", err=True)
        raise typer.Exit(UNHEALTHY)
    report = read_health(settings.health_file)
    if as_json:
        print_json(report.facts or {"status": "unhealthy", "reason": report.reason})
    else:
        typer.echo(report.reason)
    raise typer.Exit(int(report.exit_code))


def trace(wanted: Annotated[str, typer.Argument(metavar="ID")], *, as_json: Json = False) -> None:
    """Show everything about one event id, delivery id or request id, in time order."""
    steps = run(_trace(wanted))
    if as_json:
        print_json(list(steps))
    else:
        columns = ("at", "what", "event", "delivery", "channel", "recipient", "state", "reason", "seconds")
        rows = [
            (
                s.at,
                s.what,
                str(s.event_id),
                str(s.delivery_id or ""),
                s.channel,
                s.recipient,
                s.state,
                s.reason,
                s.seconds,
            )
            for s in steps
        ]
        print_table(f"trace of {wanted}", columns, rows)
    if not steps:
        typer.echo(f"nothing is known of {wanted}", err=True)
        raise typer.Exit(1)


async def _trace(wanted: str) -> list[trace_.Step]:
    async with database() as conn:
        return list(await trace_.trace(conn, wanted))


def prove(
    *,
    since: Annotated[
        str | None, typer.Option(help="Only events since then: a time, or an age such as 90m, 24h, 7d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add up events x recipients x channels; list every row not accounted for. Exits 1 if there is any."""
    found = run(_prove(_moment(since)))
    if as_json:
        print_json({**_plain(found), "holds": found.holds})
    else:
        print_proof(found)
    if not found.holds:
        raise typer.Exit(1)


async def _prove(since: datetime) -> Proof:
    async with database() as conn:
        return await proof.prove(conn, since)


def _plain(found: Proof) -> dict[str, object]:
    return {
        "events": found.events,
        "waiting": found.waiting,
        "unrouted": found.unrouted,
        "expected": found.expected,
        "accounted": found.accounted,
        "states": found.states,
        "gaps": found.gaps,
    }


def print_proof(found: Proof) -> None:
    """Print a proof as tables."""
    rows = [(channel, state, count) for channel, by in found.states.items() for state, count in by.items()]
    print_table("accounted for", ("channel", "state", "count"), rows)
    verdict = "it adds up" if found.holds else "IT DOES NOT ADD UP"
    typer.echo(
        f"{found.events:,} events ({found.waiting:,} waiting, {found.unrouted:,} unrouted): "
        f"{found.accounted:,} of {found.expected:,} accounted for, {verdict}"
    )
    if found.gaps:
        gaps = [(gap.fault, str(gap.event_id), gap.channel, gap.recipient) for gap in found.gaps]
        print_table("not accounted for", ("fault", "event", "channel", "recipient"), gaps)


UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.fromtimestamp(0, UTC)
    if text[-1:] in UNITS and text[:-1].isdecimal():
        try:
            return datetime.now(UTC) - timedelta(**{UNITS[text[-1]]: int(text[:-1])})
        except (OverflowError, ValueError):
            raise SettingsError(f"--since {text} lies before all time") from None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"--since {text} is neither a time such as 2026-01-31T12:00 nor an age such as 24h"
        ) from None
    return moment if moment.tzinfo else moment.astimezone()


catalog = typer.Typer(help="The event types and their texts.", no_args_is_help=True)


@catalog.callback()
def _catalog() -> None:
    """Keep `check` a command of its own, although it is the only one."""


@catalog.command()
def check(
    *,
    folder: Annotated[Path | None, typer.Option("--dir", help="The catalog; CATALOG_DIR by default.")] = None,
    as_json: Json = False,
) -> None:
    """Render every type in every language with its sample payload. Exits 1 when one has a fault."""
    known = load_catalog(folder or load().catalog_dir)
    problems = [*check_texts(known), *check_messages(known)]
    if as_json:
        print_json({"types": len(known.types), "languages": list(known.languages), "problems": problems})
    else:
        for problem in problems:
            typer.echo(problem)
        typer.echo(f"{len(known.types)} types in {', '.join(known.languages)}: {len(problems)} problems")
    if problems:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.command()(status)
    app.command()(print_health)
    app.command()(trace)
    app.command()(prove)
    app.add_typer(catalog, name="catalog")
