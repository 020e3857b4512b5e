"""The table of a delivery's states, and the page that shows it."""

import re
from pathlib import Path

import pytest

from outbox.delivery import BORN, MOVES, State, check_move
from outbox.error import IllegalMoveError

PAGE = (Path(__file__).parents[2] / "docs" / "state_machine.md").read_text(encoding="utf-8")
LEGAL = {(old, new) for old, targets in MOVES.items() for new in targets}


def section(title: str) -> str:
    """Cut one section out of the page."""
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def arrows() -> list[tuple[str, str]]:
    """Read the arrows of the diagram; `[*]` is the beginning or the end."""
    return re.findall(r"^ +(\S+) --> (\S+)$", PAGE, re.MULTILINE)


def test_the_moves_are_these() -> None:
    """A delivery has twelve legal moves."""
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


@pytest.mark.parametrize(("old", "new"), sorted(LEGAL))
def test_a_legal_move_is_let_through(old: State, new: State) -> None:
    """A move of the table is not refused."""
    check_move(old, new)


@pytest.mark.parametrize(("old", "new"), sorted({(old, new) for old in State for new in State} - LEGAL))
def test_any_other_move_is_refused(old: State, new: State) -> None:
    """A move that the table lacks, and staying where one is, is refused with both states' names."""
    with pytest.raises(IllegalMoveError, match=f"a delivery never goes from {old} to {new}"):
        check_move(old, new)


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
