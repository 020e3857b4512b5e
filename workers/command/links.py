"""`links`: which chats belong to whom, and what has happened to them."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from health import get_logger
from outbox import binding
from outbox.delivery.outcome import Reason
from outbox.link import chat_link
from outbox.link.chat_link import Audited, How, Link, Wanted
from outbox.link.chat_state import LinkState
from workers.command.fact import LinkTally, tell
from workers.command.line import REJECTED, Rejected, keep_rejected, parse, read_lines, tell_rejected
from workers.command.order import Operator, signature
from workers.command.output import Json, print_facts, print_json, print_table
from workers.command.recipients import AT_ONCE, ChatId, Recipient, ThreadId
from workers.command.setup import database, run
from workers.configuration.settings import SettingsError, load

log = get_logger()

links = typer.Typer(help="Which chats belong to whom.", no_args_is_help=True)

User = Annotated[str, typer.Argument(metavar="USER")]
Chats = Annotated[bool, typer.Option("--chats", help="Show chat ids.")]


@links.command("list")
def list_(
    *,
    state: Annotated[LinkState | None, typer.Option(help="Only chats in this state.")] = None,
    chats: Chats = False,
    after: Annotated[int, typer.Option(metavar="ID", help="Only links after this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="So many at the most.")] = 100,
    as_json: Json = False,
) -> None:
    """List links, the oldest first."""
    found = run(_list(state, after, limit))
    if as_json:
        print_json([_facts(one, chats=chats) for one in found])
        return
    rows = [(str(one.id), one.recipient, _chat(one, chats=chats), one.state, _time(one.state_at)) for one in found]
    print_table("links", ("id", "recipient", "chat", "state", "since"), rows)
    if len(found) == limit:
        typer.echo(f"perhaps more: --after {found[-1].id}")


async def _list(state: LinkState | None, after: int, limit: int) -> list[Link]:
    async with database() as conn:
        return await chat_link.list_links(conn, state=state, after=after, limit=limit)


@links.command()
def show(who: User, *, chats: Chats = False, as_json: Json = False) -> None:
    """Show one recipient's link, and what has happened to their links."""
    found, audited = run(_show(who))
    if as_json:
        facts = None if found is None else _facts(found, chats=chats)
        print_json({"link": facts, "audit": audited})
        return
    if found is None:
        typer.echo("no chat is linked")
    else:
        told = {"chat": _chat(found, chats=chats), "topic": found.thread_id, "linked at": _time(found.linked_at)}
        print_facts("link", {**told, "state": found.state, "since": _time(found.state_at)})
    if audited:
        rows = [(_time(a.changed_at), str(a.link_id), a.change, a.how, a.operator) for a in audited]
        print_table("audit", ("at", "link", "change", "how", "operator"), rows)


async def _show(who: str) -> tuple[Link | None, list[Audited]]:
    async with database() as conn:
        return await chat_link.of_recipient(conn, who), await chat_link.audit(conn, who)


@links.command()
def unlink(who: User, *, operator: Operator = None, as_json: Json = False) -> None:
    """End a recipient's link; what waits for their chat is skipped."""
    run(_unlink(who, signature(operator)))
    if as_json:
        print_json({"unlinked": True})
    else:
        typer.echo("unlinked")


async def _unlink(who: str, operator: str) -> None:
    async with database() as conn:
        found = await chat_link.of_recipient(conn, who)
        given_up = None if found is None else await chat_link.disconnect(conn, found, How.COMMAND, operator=operator)
    if given_up is None:
        raise SettingsError("no chat is linked to this recipient")
    log.info("chat_unlinked", reason=How.COMMAND)
    tell("deliveries_skipped", given_up.skipped, reason=Reason.NO_LINK)


class LinkLine(BaseModel):
    """One line of a file of links; fields that are not ours are left alone."""

    model_config = ConfigDict(extra="ignore", strict=True)

    recipient: Recipient
    chat_id: ChatId
    thread_id: ThreadId | None = None


@links.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    *,
    operator: Operator = None,
    as_json: Json = False,
) -> None:
    """Import links: recipient, chat_id and perhaps thread_id, one JSON object a line.

    Bad lines are reported by number and written to FILE.rejected.jsonl; the good ones are loaded. Exits 3 then.
    """
    wanted, rejected = read_links(file)
    run(_import(wanted, signature(operator)))
    if rejected:
        keep_rejected(file, rejected)
    if as_json:
        print_json({"links": len(wanted), "rejected": [fault.model_dump(exclude={"text"}) for fault in rejected]})
    else:
        tell_rejected(rejected)
        typer.echo(f"{len(wanted):,} links, {len(rejected):,} rejected")
    if rejected:
        raise typer.Exit(REJECTED)


def read_links(file: Path) -> tuple[list[Wanted], list[Rejected]]:
    """Read a file of links: the good lines and the bad ones."""
    wanted, rejected = [], []
    for number, text in read_lines(file):
        line = parse(LinkLine, number, text)
        if isinstance(line, Rejected):
            rejected.append(line)
        else:
            wanted.append(Wanted(line.recipient, line.chat_id, line.thread_id))
    return wanted, rejected


async def _import(wanted: Sequence[Wanted], operator: str) -> None:
    tally = LinkTally()
    try:
        async with database() as conn:
            for start in range(0, len(wanted), AT_ONCE):
                some = wanted[start : start + AT_ONCE]
                tally.add(await chat_link.connect_all(conn, some, How.IMPORT, reopen=False, operator=operator))
    finally:
        # also of an import that broke off: what is linked stays linked
        tally.log()


@links.command()
def bind(who: User, *, as_json: Json = False) -> None:
    """Make an address that links the chat of whoever opens it to this recipient."""
    address = run(_bind(who))
    seconds = int(binding.LIFETIME.total_seconds())
    if as_json:
        print_json({"address": address, "expires_in_seconds": seconds})
    else:
        typer.echo(address)
        typer.echo(f"works once, for {seconds // 60} minutes; an earlier one works no more", err=True)


async def _bind(who: str) -> str:
    from telegram import Sender  # noqa: PLC0415 (aiogram is heavy, and other commands do not need it)

    settings = load()
    # first, so that a bot that nobody knows makes no token worthless
    async with Sender(settings.secret("TELEGRAM_BOT_TOKEN"), settings.api_base) as sender:
        me = await sender.get_me()
    async with database() as conn:
        token = await binding.request(conn, who)
    log.info("binding_requested")
    return binding.address(str(settings.telegram_link_base), me.username, token)


def _facts(one: Link, *, chats: bool) -> dict[str, object]:
    chat = {"chat_id": one.chat_id} if chats else {"chat": _chat(one, chats=False)}
    told = {"id": one.id, "recipient": one.recipient, **chat, "thread_id": one.thread_id}
    return {**told, "state": one.state, "since": one.state_at, "linked_at": one.linked_at}


def _chat(one: Link, *, chats: bool) -> str:
    """Write a chat id, or as much of it as tells two chats of one person apart."""
    return str(one.chat_id) if chats else f"…{abs(one.chat_id) % 100:02}"


def _time(at: datetime) -> str:
    return at.astimezone().isoformat(" ", "seconds")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.add_typer(links, name="links")
