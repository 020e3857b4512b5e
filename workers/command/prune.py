"""`prune`: take away what has come to its end long ago."""

from dataclasses import dataclass, field
from typing import Annotated

import typer

from outbox.prune import event_prune, link_history, relay_ledger
from outbox.prune.event_prune import Pruned
from workers.command.age import age
from workers.command.fact import tell
from workers.command.output import Json, print_facts, print_json
from workers.command.setup import database, run
from workers.configuration.settings import load


@dataclass(slots=True)
class Tidied:
    """What one run took away, or would take away."""

    pruned: Pruned = field(default_factory=Pruned)
    ended_links: int = 0
    binding_requests: int = 0


def prune(
    *,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="How long ago it must have come to its end; default: RETENTION.")
    ] = None,
    unread_older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="How long to wait for a notification to be read; default: RETENTION_UNREAD."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Take away events with all that was made of them, once nobody waits for anything of them any more."""
    settings = load()
    done = settings.retention if older_than is None else age("--older-than", older_than)
    unread = settings.retention_unread if unread_older_than is None else age("--unread-older-than", unread_older_than)
    tidied = run(_prune(event_prune.Ages(done, unread), dry_run=dry_run))
    _tell(tidied, dry_run=dry_run, as_json=as_json)
    _warn(tidied.pruned)


async def _prune(ages: event_prune.Ages, *, dry_run: bool) -> Tidied:
    tidied = Tidied()
    try:
        async with database() as conn:
            before = await event_prune.cutoff(conn, ages)
            await event_prune.prune(conn, before, dry_run=dry_run, pruned=tidied.pruned)
            async for gone in link_history.prune_links(conn, before.unread, dry_run=dry_run):
                tidied.ended_links += gone
            async for gone in link_history.prune_requests(conn, before.done, dry_run=dry_run):
                tidied.binding_requests += gone
            if not dry_run:
                await relay_ledger.shrink(conn)
    finally:
        # also of a run that broke off: what is gone stays gone
        if not dry_run:
            _log(tidied)
    return tidied


def _log(tidied: Tidied) -> None:
    gone = tidied.pruned
    tell("events_pruned", gone.events, deliveries=gone.deliveries, notifications=gone.notifications)
    tell("links_pruned", tidied.ended_links)
    tell("binding_requests_pruned", tidied.binding_requests)


def _tell(tidied: Tidied, *, dry_run: bool, as_json: bool) -> None:
    pruned = tidied.pruned
    removed = {
        "events": pruned.events,
        "deliveries": pruned.deliveries,
        "notifications": pruned.notifications,
        "unread": pruned.unread,
        "ended_links": tidied.ended_links,
        "binding_requests": tidied.binding_requests,
    }
    kept = {str(reason): count for reason, count in pruned.kept.items() if count}
    if as_json:
        print_json({"dry_run": dry_run, "removed": removed, "kept": kept, "behind": pruned.behind})
        return
    print_facts("would be removed" if dry_run else "removed", {n.replace("_", " "): c for n, c in removed.items()})
    if kept:
        print_facts("old enough, but kept", kept)


def _warn(pruned: Pruned) -> None:
    """Say on stderr which consumers hold events back: one that nobody needs any more would hold them for ever."""
    for name, count in pruned.behind.items():
        typer.echo(
            f"vestnik: consumer {name!r} has not read {count:,} events that could go: let it pull, "
            f"or forget it with `vestnik cursor drop {name}`",
            err=True,
        )


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(prune)
