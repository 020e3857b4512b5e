"""What `dead` and `unknown` have in common: which deliveries are meant, and how they are listed."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from outbox.database.connection import Connection
from outbox.delivery.outcome import Reason
from outbox.delivery.state import State
from outbox.operator import stuck
from outbox.operator.stuck import Filter, Stuck
from workers.command.age import moment, spoken
from workers.command.output import Json, print_json, print_table
from workers.command.setup import database, run
from workers.configuration.settings import SettingsError

Ids = Annotated[
    list[str] | None, typer.Option("--id", metavar="ID", help="This delivery; may be given more than once.")
]
Type = Annotated[str | None, typer.Option("--type", help="Only events of this type.")]
Recipient = Annotated[str | None, typer.Option("--recipient", help="Only deliveries to this person.")]
ReasonWord = Annotated[str | None, typer.Option("--reason", metavar="WORD", help="Only those with this reason.")]
Older = Annotated[
    str | None, typer.Option("--older", metavar="AGE", help="At least so long ago: 90m, 24h, 7d, or a time.")
]
Newer = Annotated[
    str | None, typer.Option("--newer", metavar="AGE", help="At most so long ago: 90m, 24h, 7d, or a time.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to list.")]

LISTED = 50
LARGEST_ID = 2**63 - 1

WORDS = {State.DEAD: "dead letters", State.UNKNOWN: "unknown outcomes"}
SETTLED = {State.DEAD: "died at", State.UNKNOWN: "unknown since"}


def filter_of(  # noqa: PLR0913 (each option by its name)
    *,
    ids: Sequence[str] | None,
    type_: str | None,
    recipient: str | None,
    reason: str | None,
    older: str | None,
    newer: str | None,
) -> Filter:
    """Read the options that say which deliveries are meant.

    Raises:
        SettingsError: one is malformed; the message names it.

    """
    return Filter(
        ids=tuple(delivery_id(text) for text in ids or ()),
        type=type_,
        recipient=recipient,
        reason=None if reason is None else _reason(reason),
        settled_before=None if older is None else moment("--older", older),
        settled_after=None if newer is None else moment("--newer", newer),
    )


def delivery_id(text: str) -> int:
    """Read a delivery's id.

    Raises:
        SettingsError: it is none.

    """
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_ID)) and int(text) <= LARGEST_ID):
        raise SettingsError(f"{text} is no id of a delivery")
    return int(text)


def _reason(text: str) -> Reason:
    try:
        return Reason(text)
    except ValueError:
        raise SettingsError(f"--reason {text} is no reason: {', '.join(sorted(Reason))}") from None


async def require(conn: Connection, state: State, ids: Sequence[int]) -> None:
    """Hold that each of these deliveries is in a state.

    Raises:
        SettingsError: one is not; the message tells where each of them stands.

    """
    states = await stuck.states(conn, ids)
    if wrong := [id_ for id_ in dict.fromkeys(ids) if states.get(id_) is not state]:
        told = (f"delivery {id_} {f'is {states[id_]}' if id_ in states else 'does not exist'}" for id_ in wrong)
        raise SettingsError(f"{', '.join(told)}; only {WORDS[state]} are looked for")


def add_list(app: typer.Typer, state: State) -> None:
    """Add the command `list` for what is stuck in a state."""

    def list_(  # noqa: PLR0913 (each option by its name)
        *,
        ids: Ids = None,
        type_: Type = None,
        recipient: Recipient = None,
        reason: ReasonWord = None,
        older: Older = None,
        newer: Newer = None,
        limit: Limit = LISTED,
        as_json: Json = False,
    ) -> None:
        wanted = filter_of(ids=ids, type_=type_, recipient=recipient, reason=reason, older=older, newer=newer)
        found, beyond = run(_find(state, wanted, limit))
        if as_json:
            print_json({"deliveries": found, "beyond_limit": beyond})
        else:
            _print(state, found, beyond)

    app.command("list", help=f"List {WORDS[state]}, oldest first.")(list_)


async def _find(state: State, wanted: Filter, limit: int) -> tuple[list[Stuck], int]:
    async with database() as conn:
        return await stuck.find(conn, state, wanted, limit)


COLUMNS = ("id", "event", "type", "channel", "recipient", "reason", "attempts")


def _print(state: State, found: Sequence[Stuck], beyond: int) -> None:
    if not found:
        typer.echo(f"no {WORDS[state]}")
        return
    rows = [
        # an id is written as it is typed: without commas
        (str(one.delivery_id), str(one.event_id), *list(asdict(one).values())[2:-1], spoken(one.age_seconds))
        for one in found
    ]
    print_table(WORDS[state], (*COLUMNS, SETTLED[state], "age"), rows)
    if beyond:
        typer.echo(f"{beyond:,} more beyond --limit {len(found)}")
