"""The judge itself: each fault that it looks for is found when it is there."""

from dataclasses import replace

import pytest

from outbox.proof.completeness import Gap, Proof
from tests.crash.catalog import BOTH, HELD, INBOX
from tests.crash.judge import Delivery, Evidence, faults, inversions
from tests.crash.ledger import Emitted, Ledger

LEDGER = Ledger(
    committed=[
        Emitted(0, 10, BOTH, ("ann",), transaction=0, begun=0, committed=1),
        Emitted(1, 11, HELD, ("ann",), transaction=1, begun=2, committed=3),
        Emitted(2, 12, INBOX, ("ann",), transaction=2, begun=4, committed=5),
    ],
    rolled_back={3},
)
WELL = Evidence(
    arrived={"ann": [0, 1]},
    deliveries=[Delivery(10, "ann", "sent"), Delivery(11, "ann", "sent")],
    shown={"ann": [10, 11, 12]},
    counted={"ann": (3, 3)},
    proof=Proof(events=3, waiting=0, unrouted=0, discarded=0, expected=5, states={"all": {"sent": 5}}),
)


def test_nothing_is_found_where_all_is_well() -> None:
    """What arrived as it was committed is without fault; so is a copy that is counted, and what is held."""
    assert faults(LEDGER, WELL) == []
    copied = [Delivery(10, "ann", "sent", resent=1), Delivery(11, "ann", "unknown")]
    assert faults(LEDGER, replace(WELL, arrived={"ann": [0, 0]}, deliveries=copied)) == []
    assert faults(LEDGER, replace(WELL, arrived={"ann": [0, 1, 0]}, deliveries=copied)) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"arrived": {"ann": [1]}}, "event 10 (number 0) for ann: arrived 0 times"),
        ({"arrived": {"ann": [0]}}, "event 11 (number 1) for ann: arrived 0 times"),
        ({"arrived": {"ann": [0, 0, 1]}}, "1 copies, of which only 0 are counted"),
        ({"arrived": {"ann": [0, 1, 1]}}, "is never to be sent again, and arrived 2 times"),
        ({"arrived": {"ann": [0, 1, 2]}}, "number 2 arrived at ann and was not for Telegram"),
        ({"arrived": {"ann": [0, 1, 3]}}, "number 3 arrived at ann and was rolled back"),
        ({"arrived": {"ann": [1, 0]}}, "ann on Telegram: number 0 came after 1"),
        ({"shown": {"ann": [11, 10, 12]}}, "ann in the inbox: number 0 came after 1"),
        ({"shown": {"ann": [10, 11]}}, "the inbox of ann misses event 12"),
        ({"shown": {"ann": [10, 11, 12, 12]}}, "the inbox of ann shows event 12 once too often"),
        ({"counted": {"ann": (2, 3)}}, "unread counter and version are (2, 3)"),
        ({"deliveries": [Delivery(10, "ann", "sent")]}, "event 11 (number 1) for ann: no delivery"),
        ({"deliveries": [*WELL.deliveries, Delivery(13, "ann", "sent")]}, "nobody has emitted"),
        ({"deliveries": [Delivery(10, "ann", "dead"), WELL.deliveries[1]]}, "event 10 (number 0) for ann: arrived 1"),
        (
            {"deliveries": [WELL.deliveries[0], Delivery(11, "ann", "sent", resent=1)]},
            "is never to be sent again, and was",
        ),
        ({"proof": replace(WELL.proof, waiting=1)}, "3 events were committed"),
        ({"proof": replace(WELL.proof, gaps=[Gap("lost", 12)])}, "the proof does not hold"),
    ],
)
def test_each_fault_is_found(wrong: dict[str, object], said: str) -> None:
    """One thing that is wrong is named with its ids."""
    found = faults(LEDGER, replace(WELL, **wrong))  # type: ignore[arg-type]  # the fields are as different as the faults
    assert any(said in fault for fault in found), found


def test_overlapping_transactions_have_no_order() -> None:
    """Of two transactions of which neither was committed before the other began, either may come first."""
    first = Emitted(0, 10, BOTH, ("ann",), transaction=0, begun=0, committed=2)
    second = Emitted(1, 11, BOTH, ("ann",), transaction=1, begun=1, committed=3)
    assert list(inversions([second, first])) == []


def test_one_transaction_has_an_order() -> None:
    """Events of one transaction come in the order of their emits, whatever comes between."""
    first, second = (Emitted(n, 10 + n, BOTH, ("ann",), transaction=0, begun=0, committed=9) for n in (0, 2))
    between = Emitted(1, 11, BOTH, ("ann",), transaction=1, begun=1, committed=8)
    assert len(list(inversions([second, between, first]))) == 1
