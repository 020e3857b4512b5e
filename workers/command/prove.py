"""`prove`: whether everything adds up."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from outbox.proof import completeness
from outbox.proof.completeness import Proof
from workers.command.age import moment
from workers.command.output import Json, print_json, print_table
from workers.command.setup import database, run

BEGINNING = datetime.fromtimestamp(0, UTC)


def prove(
    *,
    since: Annotated[
        str | None, typer.Option(help="Only events since then: a time, or an age such as 90m, 24h, 7d.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add up events x recipients x channels; list every row not accounted for. Exits 1 if there is any."""
    found = run(_prove(BEGINNING if since is None else moment("--since", since)))
    if as_json:
        print_json({**_plain(found), "holds": found.holds})
    else:
        print_proof(found)
    if not found.holds:
        raise typer.Exit(1)


async def _prove(since: datetime) -> Proof:
    async with database() as conn:
        return await completeness.prove(conn, since)


def _plain(found: Proof) -> dict[str, object]:
    return {
        "events": found.events,
        "waiting": found.waiting,
        "unrouted": found.unrouted,
        "discarded": found.discarded,
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


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(prove)
