"""`migrate` and `cursor`: the schema, and where the relay and the named consumers stand."""

from typing import Annotated

import typer

from outbox import consumer, migration
from outbox import cursor as cursor_
from outbox import rebase as rebase_
from outbox.migration import Standing, Standings
from workers.command.output import Json, print_facts, print_json, print_table
from workers.command.session import database, run


def migrate(
    *,
    status: Annotated[bool, typer.Option("--status", help="List the migrations and where they stand.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when one is pending or has changed.")] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL of all migrations; needs no database.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the schema up to date; deploys without questions."""
    if sql:
        typer.echo(migration.script(migration.migrations()), nl=False)
    elif status or check:
        standings = run(_standings())
        _print_standings(standings, as_json=as_json)
        if check and any(s.standing in {Standing.PENDING, Standing.CHANGED} for s in standings):
            raise typer.Exit(1)
    else:
        applied = [done.name for done in run(_migrate())]
        if as_json:
            print_json({"applied": applied})
        else:
            typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


async def _standings() -> list[Standings]:
    async with database(schema=False) as conn:
        return await migration.status(conn)


async def _migrate() -> list[migration.Migration]:
    async with database(schema=False) as conn:
        return await migration.migrate(conn)


def _print_standings(standings: list[Standings], *, as_json: bool) -> None:
    if as_json:
        print_json(standings)
    else:
        rows = [(s.number, s.name, s.standing, s.applied_at) for s in standings]
        print_table("migrations", ("number", "name", "standing", "applied at"), rows)


cursor = typer.Typer(help="Where the relay and the named consumers stand in the event log.", no_args_is_help=True)


@cursor.command()
def show(*, as_json: Json = False) -> None:
    """Show every cursor beside what it is compared to."""
    for found in run(_show()):
        if as_json:
            print_json(found)
        else:
            print_facts(f"cursor of {found['consumer']}", found)


async def _show() -> list[dict[str, object]]:
    async with database() as conn:
        return await cursor_.show(conn)


@cursor.command()
def rebase(*, as_json: Json = False) -> None:
    """Go on in this cluster after a restore: events that were not yet read get a current transaction id."""
    count = run(_rebase())
    if as_json:
        print_json({"rebased": count})
    else:
        typer.echo(f"{count} events were not yet relayed and will be; every cursor belongs to this cluster now")


async def _rebase() -> int:
    async with database() as conn:
        return await rebase_.rebase(conn)


@cursor.command()
def drop(name: Annotated[str, typer.Argument(metavar="NAME")], *, as_json: Json = False) -> None:
    """Forget a named consumer and how far it has read; if it pulls again, it begins anew."""
    run(_drop(name))
    if as_json:
        print_json({"dropped": name})
    else:
        typer.echo("dropped")


async def _drop(name: str) -> None:
    async with database() as conn:
        await consumer.drop(conn, name)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.command()(migrate)
    app.add_typer(cursor, name="cursor")
