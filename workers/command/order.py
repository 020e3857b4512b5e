"""What `dead` and `unknown` let an operator order: planned, agreed to, carried out and told."""

import getpass
import sys
from typing import Annotated

import typer

from outbox.operator import operator_action
from outbox.operator.operator_action import ORDERS, Action, Done, OrderPlan
from outbox.operator.stuck import Filter
from workers.command.fact import tell
from workers.command.output import Json, print_json, print_table
from workers.command.setup import database, run
from workers.command.stuck_list import Ids, Newer, Older, ReasonWord, Recipient, Type, filter_of, require
from workers.configuration.settings import SettingsError

ASKED_ABOVE = 100
"""More than so many are not changed without being asked about."""

IdArguments = Annotated[list[str] | None, typer.Argument(metavar="ID", help="These deliveries.")]
All = Annotated[bool, typer.Option("--all", help="All of them: needed where no filter is given.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", help=f"Do not ask before more than {ASKED_ABOVE}.")]
Operator = Annotated[
    str | None, typer.Option("--operator", metavar="NAME", help="Who orders it; by default the OS user.")
]
IgnoreExpiry = Annotated[bool, typer.Option("--ignore-expiry", help="Also those whose time to live has ended.")]

DONE = {
    Action.REPLAY: "replayed",
    Action.DISCARD: "discarded",
    Action.RESEND: "sent again",
    Action.CONFIRM: "confirmed",
}
LOGGED = {
    Action.REPLAY: "deliveries_replayed",
    Action.DISCARD: "deliveries_discarded",
    Action.RESEND: "deliveries_resent",
    Action.CONFIRM: "deliveries_confirmed",
}


def add_again(app: typer.Typer, action: Action, about: str) -> None:
    """Add a command that makes deliveries pending again."""

    def again(  # noqa: PLR0913 (each option by its name)
        given: IdArguments = None,
        *,
        ids: Ids = None,
        type_: Type = None,
        recipient: Recipient = None,
        reason: ReasonWord = None,
        older: Older = None,
        newer: Newer = None,
        everything: All = False,
        ignore_expiry: IgnoreExpiry = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        operator: Operator = None,
        as_json: Json = False,
    ) -> None:
        wanted = filter_of(
            ids=[*(given or ()), *(ids or ())],
            type_=type_,
            recipient=recipient,
            reason=reason,
            older=older,
            newer=newer,
        )
        plan = _plan(action, wanted, everything=everything, ignore_expiry=ignore_expiry)
        _finish(plan, operator, dry_run=dry_run, yes=yes, as_json=as_json)

    app.command(str(action), help=about)(again)


def add_settling(app: typer.Typer, action: Action, about: str) -> None:
    """Add a command that settles deliveries for good."""

    def settle(  # noqa: PLR0913 (each option by its name)
        given: IdArguments = None,
        *,
        ids: Ids = None,
        type_: Type = None,
        recipient: Recipient = None,
        reason: ReasonWord = None,
        older: Older = None,
        newer: Newer = None,
        everything: All = False,
        dry_run: DryRun = False,
        yes: Yes = False,
        operator: Operator = None,
        as_json: Json = False,
    ) -> None:
        wanted = filter_of(
            ids=[*(given or ()), *(ids or ())],
            type_=type_,
            recipient=recipient,
            reason=reason,
            older=older,
            newer=newer,
        )
        plan = _plan(action, wanted, everything=everything)
        _finish(plan, operator, dry_run=dry_run, yes=yes, as_json=as_json)

    app.command(str(action), help=about)(settle)


def _plan(action: Action, wanted: Filter, *, everything: bool, ignore_expiry: bool = False) -> OrderPlan:
    if everything == (wanted != Filter()):
        raise SettingsError("--all takes no filter" if everything else f"{action} what? Give ids, a filter, or --all")
    return run(_count(action, wanted, ignore_expiry=ignore_expiry))


async def _count(action: Action, wanted: Filter, *, ignore_expiry: bool) -> OrderPlan:
    async with database() as conn:
        await require(conn, ORDERS[action].old, wanted.ids)
        return await operator_action.plan(conn, action, wanted, ignore_expiry=ignore_expiry)


def _finish(plan: OrderPlan, operator: str | None, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    if dry_run:
        done = plan.foreseen
    else:
        who = signature(operator)
        _ask(plan, yes=yes)
        done = run(_carry_out(plan, who))
    _tell(plan, done, dry_run=dry_run, as_json=as_json)


async def _carry_out(plan: OrderPlan, operator: str) -> Done:
    done = Done()
    try:
        async with database() as conn:
            return await operator_action.carry_out(conn, plan, operator, done)
    finally:
        # also of an order that broke off: what is done stays done
        count = done.changed.total()
        tell(LOGGED[plan.action], count, **(done.last._asdict() if done.last and count == 1 else {}))


def signature(operator: str | None) -> str:
    """Name who orders something: by default the user of the operating system.

    Raises:
        SettingsError: nobody has a name.

    """
    try:
        name = getpass.getuser() if operator is None else operator
    except (KeyError, OSError):
        name = ""
    if not name.strip():
        raise SettingsError("nobody signs for this: give --operator NAME")
    return name.strip()


def agreed(order: str, count: int, what: str, *, yes: bool) -> None:
    """Ask before so many are changed; an order that nobody agrees to ends the command.

    Raises:
        SettingsError: nobody can be asked.

    """
    if count <= ASKED_ABOVE or yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError(f"{order} would change {count:,} {what}: say --yes, for nobody can be asked here")
    typer.confirm(f"{order} {count:,} {what}?", abort=True, err=True)


def _ask(plan: OrderPlan, *, yes: bool) -> None:
    count = plan.foreseen.changed.total()
    if count > ASKED_ABOVE and not yes and sys.stdin.isatty():
        _print(plan.foreseen)
    agreed(plan.action, count, "deliveries", yes=yes)


def _tell(plan: OrderPlan, done: Done, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        by = [{"type": type_, "reason": reason, "count": count} for (type_, reason), count in done.changed.items()]
        facts = {"count": done.changed.total(), "too_late": done.too_late, "missed": done.missed, "by": by}
        print_json({"action": plan.action, "dry_run": dry_run, **facts})
        return
    if done.changed:
        _print(done)
    told = [f"{done.changed.total():,} {'would be ' if dry_run else ''}{DONE[plan.action]}"]
    if done.too_late:
        told.append(f"{done.too_late:,} too late: their time to live has ended (--ignore-expiry takes them along)")
    if done.missed:
        told.append(f"{done.missed:,} missed: somebody else was first")
    typer.echo("; ".join(told))


def _print(done: Done) -> None:
    rows = [(type_, reason, count) for (type_, reason), count in done.changed.items()]
    print_table("by type and reason", ("type", "reason", "deliveries"), rows)
