"""`dead`: deliveries that will not be tried again by themselves."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from outbox.delivery.state import State
from outbox.event_log import payload
from outbox.operator import dead_letter
from outbox.operator.dead_letter import DeadLetter
from outbox.operator.operator_action import Action
from workers.command.order import add_again, add_settling
from workers.command.output import Json, print_facts, print_json, print_table
from workers.command.setup import database, run
from workers.command.stuck_list import add_list, delivery_id, require

dead = typer.Typer(help="Dead letters: look at them, try them again, put them away.", no_args_is_help=True)
add_list(dead, State.DEAD)


@dead.command()
def show(wanted: Annotated[str, typer.Argument(metavar="ID")], *, as_json: Json = False) -> None:
    """Show all about one dead letter: event, delivery, attempts, what operators did."""
    letter = run(_load(delivery_id(wanted)))
    if as_json:
        print_json({**asdict(letter), "payload": _read(letter.payload)})
    else:
        _print(letter)


async def _load(wanted: int) -> DeadLetter:
    async with database() as conn:
        letter = None
        while letter is None:
            # between the two it may have moved and come back
            await require(conn, State.DEAD, [wanted])
            letter = await dead_letter.load(conn, wanted)
        return letter


def _read(text: str) -> object:
    """Read a payload; one that Python cannot read stays text."""
    try:
        return payload.read(text)
    except payload.PayloadError:
        return text


def _print(letter: DeadLetter) -> None:
    facts = {
        "event": str(letter.event_id),
        "type": letter.type,
        "emitted at": letter.emitted_at,
        "request id": letter.request_id,
        "recipients of the event": letter.recipients,
        "channel": letter.channel,
        "recipient": letter.recipient,
        "born at": letter.born_at,
        "died at": letter.died_at,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "expires at": letter.expires_at,
    }
    print_facts(f"dead letter {letter.delivery_id}", facts)
    tried = [(t.at, t.phase, t.outcome, t.reason, t.seconds, "sent again" if t.resent else "") for t in letter.tried]
    print_table("attempts", ("ended at", "phase", "outcome", "reason", "seconds", ""), tried)
    if letter.acted:
        print_table("operators", ("at", "action", "operator"), [(a.at, a.action, a.operator) for a in letter.acted])
    read = _read(letter.payload)
    typer.echo(read if isinstance(read, str) else json.dumps(read, ensure_ascii=False, indent=2))


add_again(dead, Action.REPLAY, "Try dead letters again, by the schedule from its beginning.")
add_settling(dead, Action.DISCARD, "Put dead letters away for good: they count as skipped.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.add_typer(dead, name="dead")
