"""`transfer`: a running installation moves into another database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from health import get_logger
from outbox.database.connection import OUT_OF_REACH, REFUSED, Connection, connect
from outbox.transfer import move
from outbox.transfer.move import TransferPlan, Transferred
from workers.command.output import Json, print_json, print_table
from workers.command.schema import log_applied
from workers.command.setup import run
from workers.configuration.settings import SettingsError, load, postgres_url
from workers.process.exit_code import Exit

log = get_logger()


def transfer(  # noqa: PLR0913 (each option by its name)
    *,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="The source; DATABASE_URL if left out.")
    ] = None,
    from_file: Annotated[Path | None, typer.Option(help="A file that holds the source's URL.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="URL", help="The target.")] = None,
    to_file: Annotated[
        Path | None, typer.Option(help="A file that holds the target's URL: a command line can be read by others.")
    ] = None,
    keep_source: Annotated[
        bool, typer.Option("--keep-source", help="Do not close the source: for a copy to try something on.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look whether it can be done, and count.")] = False,
    as_json: Json = False,
) -> None:
    """Move everything into an empty database, compare it, and close the old one.

    Exits 1 when it was not moved, 2 when one of the two does not answer.
    """
    source = _url("from", from_, from_file) or load().secret("DATABASE_URL")
    target = _url("to", to, to_file)
    if target is None:
        raise SettingsError("transfer needs --to or --to-file")
    if dry_run:
        _print_plan(run(_plan(source, target)), as_json=as_json)
    else:
        _print_done(run(_transfer(source, target, keep_source=keep_source)), kept=keep_source, as_json=as_json)


def _url(option: str, given: str | None, file: Path | None) -> str | None:
    """Take a URL as it is given, or out of a file; one that is malformed is refused without being shown."""
    if given is not None and file is not None:
        raise SettingsError(f"--{option} and --{option}-file say the same: give one of them")
    if file is not None:
        given = file.read_text(encoding="utf-8").strip()
    return None if given is None else postgres_url(given, f"--{option}")


@asynccontextmanager
async def _connected(url: str, which: str) -> AsyncIterator[Connection]:
    try:
        conn = await connect(url)
    except REFUSED as fault:
        raise SettingsError(f"the {which}'s URL is refused by PostgreSQL: {type(fault).__name__}") from None
    except OUT_OF_REACH as fault:
        typer.echo(f"vestnik: the {which} is out of reach: {type(fault).__name__}", err=True)
        raise typer.Exit(Exit.OUT_OF_REACH) from None
    try:
        yield conn
    finally:
        await conn.close()


async def _plan(source_url: str, target_url: str) -> TransferPlan:
    async with _connected(source_url, "source") as source, _connected(target_url, "target") as target:
        return await move.plan(source, target)


async def _transfer(source_url: str, target_url: str, *, keep_source: bool) -> Transferred:
    async with _connected(source_url, "source") as source, _connected(target_url, "target") as target:
        done = await move.transfer(
            source,
            target,
            keep_source=keep_source,
            tell=lambda line: typer.echo(line, err=True),
            migrated=log_applied,
        )
    rows = sum(total.rows for total in done.tables.values())
    log.info("installation_transferred", rows=rows, events=done.to_relay, state="kept" if keep_source else "closed")
    return done


def _print_plan(plan: TransferPlan, *, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": True, "new_schema": plan.new_schema, "rows": plan.rows})
        return
    print_table("would be moved", ("table", "rows"), plan.rows.items())
    typer.echo("into a schema that is to be made" if plan.new_schema else "into the empty schema of the target")


def _print_done(done: Transferred, *, kept: bool, as_json: bool) -> None:
    if as_json:
        print_json({"tables": done.tables, "to_relay": done.to_relay, "source": "kept" if kept else "closed"})
        return
    rows = [(name, total.rows, total.checksum) for name, total in done.tables.items()]
    print_table("moved, and the same in both", ("table", "rows", "checksum"), rows)
    typer.echo(f"{done.to_relay:,} events were not yet relayed and will be, by workers on the target")
    typer.echo("the source is as it was: do not run both" if kept else "the source is closed: it takes no more events")


def add_to(app: typer.Typer) -> None:
    """Add this command to the whole."""
    app.command()(transfer)
