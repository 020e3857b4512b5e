"""`unrouted`: events that wait since the catalog does not know their type."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from outbox.catalog.load import load as load_catalog
from outbox.operator import unrouted_event as store
from outbox.operator.unrouted_event import Kind
from outbox.relay import fan_out
from outbox.relay.routing import Routing, routes_of
from workers.command.fact import tell
from workers.command.order import DryRun, Operator, Yes, agreed, signature
from workers.command.output import Json, print_json, print_table
from workers.command.setup import database, run
from workers.configuration.settings import SettingsError, load

unrouted = typer.Typer(help="Events of types that the catalog does not know: they wait for it.", no_args_is_help=True)

Types = Annotated[list[str] | None, typer.Argument(metavar="TYPE", help="Events of these types.")]
AGAIN_S = 0.1

All = Annotated[bool, typer.Option("--all", help="Events of all unknown types.")]


@unrouted.command("list")
def list_(*, as_json: Json = False) -> None:
    """List what waits: by type, how many, and since when. Longest first."""
    _print("unrouted", run(_kinds(None)), as_json=as_json)


async def _kinds(types: Sequence[str] | None) -> list[Kind]:
    async with database() as conn:
        found = await store.kinds(conn, types)
    if missing := sorted(set(types or ()) - {kind.type for kind in found}):
        raise SettingsError(f"nothing is unrouted of type {', '.join(missing)}: `vestnik unrouted list` names what is")
    return found


def _print(title: str, found: Sequence[Kind], *, as_json: bool) -> None:
    if as_json:
        print_json([{"type": kind.type, "events": kind.events, "oldest": kind.oldest} for kind in found])
    else:
        print_table(title, ("type", "events", "oldest"), [(kind.type, kind.events, kind.oldest) for kind in found])


@unrouted.command()
def reroute(
    *,
    folder: Annotated[Path | None, typer.Option("--dir", help="The catalog; CATALOG_DIR by default.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Relay those whose type the catalog knows by now, as a worker with this catalog does by itself."""
    known = load_catalog(folder or load().catalog_dir)
    going = [kind for kind in run(_kinds(None)) if kind.type in known.types]
    if going and not dry_run:
        run(_relay(routes_of(known), going))
        for kind in going:
            tell("events_rerouted", kind.events, type=kind.type)
    _print("would be relayed" if dry_run else "relayed", going, as_json=as_json)


async def _relay(routes: Routing, going: Sequence[Kind]) -> None:
    async with database() as conn:
        while await store.wait(conn, going):
            if await fan_out.step(conn, routes) is None:
                # a worker relays: perhaps just these
                await asyncio.sleep(AGAIN_S)


@unrouted.command()
def discard(  # noqa: PLR0913 (each option by its name)
    given: Types = None,
    *,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    operator: Operator = None,
    as_json: Json = False,
) -> None:
    """Give them up for good: `prove` counts them as discarded, and nobody gets them."""
    if everything == bool(given):
        raise SettingsError("--all takes no types" if everything else "discard what? Give types, or --all")
    found = run(_kinds(given))
    if not dry_run:
        signature(operator)
        agreed("discard", sum(kind.events for kind in found), "events", yes=yes)
        found = run(_discard(found))
    _print("would be discarded" if dry_run else "discarded", found, as_json=as_json)


async def _discard(found: Sequence[Kind]) -> list[Kind]:
    done = Counter[str]()
    try:
        async with database() as conn:
            for kind in found:
                await store.discard(conn, kind, done)
    finally:
        # also of an order that broke off: what is done stays done
        for type_, count in done.items():
            tell("events_discarded", count, type=type_)
    return [kind._replace(events=done[kind.type]) for kind in found if done[kind.type]]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.add_typer(unrouted, name="unrouted")
