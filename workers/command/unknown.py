"""`unknown`: deliveries that may have arrived and must not arrive twice, so that an operator decides."""

import typer

from outbox.delivery.state import State
from outbox.operator.operator_action import Action
from workers.command.order import add_again, add_settling
from workers.command.stuck_list import add_list

unknown = typer.Typer(help="Unknown outcomes: nobody can say whether they arrived.", no_args_is_help=True)
add_list(unknown, State.UNKNOWN)
add_again(unknown, Action.RESEND, "Send again what may have arrived: a possible duplicate, and counted as one.")
add_settling(unknown, Action.CONFIRM, "Confirm that they did arrive: they count as sent.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the whole."""
    app.add_typer(unknown, name="unknown")
