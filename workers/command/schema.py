"""`migrate` and `cursor`: the schema, and where the relay and the named consumers stand."""

from typing import Annotated

import typer

from health import get_logger
from outbox.cursor import consumer, snapshot_cursor
from outbox.cursor import rebase as rebase_
from outbox.schema import migration, shape
from outbox.schema.migration import Migration, Standing, Standings
from outbox.schema.shape import Difference
from workers.command.output import Json, print_facts, print_json, print_table
from workers.command.setup import database, run

log = get_logger()


def migrate(
    *,
    status: Annotated[bool, typer.Option("--status", help="List the migrations and where they stand.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit 1 when one is pending or has changed, or the schema differs from the migrations."
        ),
    ] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL of all migrations; needs no database.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the schema up to date; deploys without questions."""
    if sql:
        typer.echo(migration.script(migration.migrations()), nl=False)
    elif check:
        _check(as_json=as_json)
    elif status:
        standings = run(_standings())
        if as_json:
            print_json(standings)
        else:
            _print_standings(standings)
    else:
        applied = [done.name for done in run(_migrate())]
        if as_json:
            print_json({"applied": applied})
        else:
            typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


def _check(*, as_json: bool) -> None:
    standings, differences = run(_compare())
    drift = [difference for difference in differences or () if not difference.tuned]
    tuned = [difference for difference in differences or () if difference.tuned]
    if as_json:
        compared = differences is not None
        print_json({"migrations": standings, "compared": compared, "drift": drift, "tuned": tuned})
    else:
        _print_standings(standings)
        _print_drift(differences)
    if drift or any(s.standing in {Standing.PENDING, Standing.CHANGED} for s in standings):
        raise typer.Exit(1)


async def _standings() -> list[Standings]:
    async with database(schema=False) as conn:
        return await migration.status(conn)


async def _compare() -> tuple[list[Standings], list[Difference] | None]:
    """Compare the schema too, where it is that of this version."""
    async with database(schema=False) as conn:
        standings = await migration.status(conn)
        current = all(s.standing is Standing.APPLIED for s in standings)
        return standings, await shape.drift(conn) if current else None


async def _migrate() -> list[Migration]:
    async with database(schema=False) as conn:
        return await migration.migrate(conn, lambda message: typer.echo(message, err=True), log_applied)


def log_applied(migration: Migration) -> None:
    """Log that a migration was applied."""
    log.info("migration_applied", migration=migration.name)


def _print_standings(standings: list[Standings]) -> None:
    rows = [(s.number, s.name, s.standing, s.applied_at) for s in standings]
    print_table("migrations", ("number", "name", "standing", "applied at"), rows)


def _print_drift(differences: list[Difference] | None) -> None:
    if differences is None:
        typer.echo("the schema is not that of this version: what stands in it was not compared")
    elif not differences:
        typer.echo("the schema is what the migrations give")
    for difference in differences or ():
        typer.echo(f"{'tuned' if difference.tuned else 'drift'}: {difference}")


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
        return await snapshot_cursor.show(conn)


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
        count = await rebase_.rebase(conn)
    log.info("cursors_rebased", events=count)
    return count


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
    log.info("consumer_dropped", consumer=name)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.command()(migrate)
    app.add_typer(cursor, name="cursor")
