"""The table of a delivery's states, and the page that shows it."""

import re
from pathlib import Path

from outbox.delivery.outcome import Reason
from outbox.delivery.state import BORN, MOVES, State
from outbox.operator.operator_action import ORDERS, Action

PAGE = (Path(__file__).parents[2] / "docs" / "state_machine.md").read_text(encoding="utf-8")
LEGAL = {(old, new) for old, targets in MOVES.items() for new in targets}


def section(title: str) -> str:
    """Cut one section out of the page."""
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def arrows() -> list[tuple[str, str]]:
    """Read the arrows of the diagram; `[*]` is the beginning or the end."""
    return re.findall(r"^ +(\S+) --> (\S+)$", PAGE, re.MULTILINE)


def test_the_moves_are_these() -> None:
    """A delivery has thirteen legal moves."""
    assert {(str(old), str(new)) for old, new in LEGAL} == {
        ("pending", "sending"),
        ("pending", "skipped"),
        ("pending", "expired"),
        ("sending", "pending"),
        ("sending", "sent"),
        ("sending", "dead"),
        ("sending", "unknown"),
        ("sending", "expired"),
        ("sending", "skipped"),
        ("dead", "pending"),
        ("dead", "skipped"),
        ("unknown", "pending"),
        ("unknown", "sent"),
    }


def test_a_delivery_is_born_to_be_sent_or_to_be_skipped() -> None:
    """A delivery is born pending or skipped, never anything else."""
    assert {str(state) for state in BORN} == {"pending", "skipped"}


def test_every_state_has_its_moves() -> None:
    """Every state stands in the table, those that are final with no move at all."""
    assert set(MOVES) == set(State)
    assert {str(state) for state, targets in MOVES.items() if not targets} == {"sent", "skipped", "expired"}


def test_every_state_can_be_reached() -> None:
    """Every state is born or follows from another."""
    assert {new for _, new in LEGAL} | BORN == set(State)


def test_an_operator_makes_legal_moves_only() -> None:
    """Each action has its order; dead and unknown deliveries leave their states by these, and by nothing else."""
    orders = {str(action): (str(order.old), str(order.new)) for action, order in ORDERS.items()}
    assert orders == {
        "replay": ("dead", "pending"),
        "discard": ("dead", "skipped"),
        "resend": ("unknown", "pending"),
        "confirm": ("unknown", "sent"),
    }
    assert set(ORDERS) == set(Action)
    assert set(orders.values()) == {(old, new) for old, new in LEGAL if old in (State.DEAD, State.UNKNOWN)}


def test_an_orders_statement_makes_the_move_it_says() -> None:
    """The statement of an order writes the new state where the old one stands; a discarded one says why."""
    for order in ORDERS.values():
        assert f"set state = '{order.new}'" in order.sql
        assert f"and state = '{order.old}'" in order.sql
    assert f"reason = '{Reason.DISCARDED}'" in ORDERS[Action.DISCARD].sql


def test_the_page_names_every_state() -> None:
    """The page's table of states has every state once."""
    assert re.findall(r"^\| `(\w+)` \| `\w+` \|", section("States"), re.MULTILINE) == [str(state) for state in State]


def test_the_page_names_every_move() -> None:
    """The page's table of moves is the code's, each with what makes it."""
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| \S.*\|$", section("Moves"), re.MULTILINE)
    assert len(rows) == len(LEGAL)
    assert set(rows) == LEGAL


def test_the_diagram_draws_every_move() -> None:
    """The page's diagram has exactly the arrows of the code, the births and the ends."""
    born = {("[*]", state) for state in BORN}
    ends = {(state, "[*]") for state, targets in MOVES.items() if not targets}
    assert len(arrows()) == len(LEGAL) + len(born) + len(ends)
    assert set(arrows()) == LEGAL | born | ends
