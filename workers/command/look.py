"""`status`, `trace` and `catalog check`: looking without touching."""

from pathlib import Path
from typing import Annotated

import typer

from outbox.catalog.load import load as load_catalog
from outbox.catalog.sample_check import check as check_texts
from outbox.monitoring import backlog
from outbox.monitoring.backlog import Backlog
from outbox.proof import event_trace
from outbox.proof.event_trace import Step
from telegram.catalog_check import check as check_messages
from workers.command.age import spoken
from workers.command.output import Json, print_facts, print_json, print_table
from workers.command.setup import database, run
from workers.configuration.settings import load


def status(*, as_json: Json = False) -> None:
    """Show backlog, lag, lanes, dead letters and unknown outcomes."""
    seen = run(_look())
    if as_json:
        print_json(seen)
        return
    oldest = {"dead": seen.oldest_dead, "unknown": seen.oldest_unknown}
    rows = [
        (channel, state, count, spoken(oldest[state][channel]) if state in oldest else "")
        for channel, states in seen.deliveries.items()
        for state, count in states.items()
    ]
    print_table("not finished", ("channel", "state", "deliveries", "oldest"), rows)
    print_facts(
        "outbox",
        {
            "relay lag, s": round(seen.relay_lag, 3),
            "oldest due, s": round(max(seen.oldest_due.values(), default=0.0), 3),
            "lanes due": seen.lanes_due,
            "lanes leased": seen.lanes_leased,
            "events scheduled": seen.scheduled,
            "events unrouted": seen.unrouted,
            "possible duplicates": seen.possible_duplicates,
            "oldest open transaction, s": round(seen.oldest_transaction, 1),
            "cursor moved at": seen.cursor_moved_at,
        },
    )


async def _look() -> Backlog:
    async with database() as conn:
        return await backlog.look(conn)


def trace(wanted: Annotated[str, typer.Argument(metavar="ID")], *, as_json: Json = False) -> None:
    """Show everything about one event id, delivery id, request id or trace id, in time order."""
    steps = run(_trace(wanted))
    if as_json:
        print_json(list(steps))
    else:
        print_table(f"trace of {wanted}", TRACED, [_row(step) for step in steps])
    if not steps:
        typer.echo(f"nothing is known of {wanted}", err=True)
        raise typer.Exit(1)


TRACED = ("at", "what", "event", "delivery", "channel", "recipient", "state", "reason", "note")


def _row(step: Step) -> tuple[object, ...]:
    ids = str(step.event_id), str(step.delivery_id or "")
    return (step.at, step.what, *ids, step.channel, step.recipient, step.state, step.reason, _note(step))


def _note(step: Step) -> str:
    """Say the rest in short lines: a wide column would cut the recipients."""
    took = None if step.seconds is None else f"{step.seconds:.2f} s"
    lines = [", ".join(word for word in (step.phase, took) if word)]
    if step.resent:
        lines.append("sent again:\npossible duplicate")
    if step.message_id is not None:
        lines.append(f"message {step.message_id}")
    if step.trace_id is not None:
        lines.append(f"trace {step.trace_id}")
    if step.operator:
        lines.append(f"by {step.operator}")
    return "\n".join(line for line in lines if line)


async def _trace(wanted: str) -> list[Step]:
    async with database() as conn:
        return list(await event_trace.trace(conn, wanted))


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
    app.command()(trace)
    app.add_typer(catalog, name="catalog")
