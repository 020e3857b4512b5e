"""The rotation: each type has its turn, whatever waits of the others."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from outbox.lane.rotation import Rotation

TYPES = "abcdef"
WAITING = st.dictionaries(st.sampled_from(TYPES), st.integers(1, 20))
BUDGETS = st.integers(0, 30)
DEALS = st.lists(st.tuples(WAITING, BUDGETS), max_size=20)


def test_each_has_its_turn() -> None:
    """Types that wait without end get one each in turn, the one served longest ago first."""
    rotation = Rotation()
    waiting = {"news": 1_000, "offers": 10, "alarms": 3}
    assert [rotation.deal(waiting, 1) for _ in range(4)] == [{"alarms": 1}, {"news": 1}, {"offers": 1}, {"alarms": 1}]
    assert rotation.deal(waiting, 4) == {"news": 2, "offers": 1, "alarms": 1}


def test_what_one_leaves_goes_to_the_others() -> None:
    """A type of which less waits than its share leaves the rest to those that have more."""
    assert Rotation().deal({"news": 1_000, "offers": 100, "alarms": 2}, 12) == {"news": 5, "offers": 5, "alarms": 2}


def test_who_was_never_served_comes_first() -> None:
    """A type that appears beside others has the next turn."""
    rotation = Rotation()
    rotation.deal({"a": 9, "b": 9}, 5)
    assert rotation.deal({"a": 9, "b": 9, "z": 9}, 1) == {"z": 1}


def test_nothing_is_dealt_out_of_nothing() -> None:
    """Without a budget, or with nothing that waits, nobody gets anything."""
    assert Rotation().deal({"news": 5}, 0) == {}
    assert Rotation().deal({"news": 5}, -1) == {}
    assert Rotation().deal({}, 5) == {}
    assert Rotation().deal({"news": 0}, 5) == {}


@given(DEALS)
def test_all_is_dealt_out_and_no_more_than_waits(deals: list[tuple[dict[str, int], int]]) -> None:
    """A deal uses the whole budget as far as something waits, and gives no type more than waits of it."""
    rotation = Rotation()
    for waiting, budget in deals:
        shares = rotation.deal(waiting, budget)
        assert sum(shares.values()) == min(budget, sum(waiting.values()))
        assert all(0 < share <= waiting[type_] for type_, share in shares.items())


@given(DEALS)
def test_a_deal_is_even(deals: list[tuple[dict[str, int], int]]) -> None:
    """In one deal no type gets two more than another of which more waits."""
    rotation = Rotation()
    for waiting, budget in deals:
        shares = Counter(rotation.deal(waiting, budget))
        left = [shares[type_] for type_ in waiting if shares[type_] < waiting[type_]]
        assert max(shares.values(), default=0) <= min(left, default=budget) + 1


@given(st.lists(BUDGETS, max_size=40), st.sets(st.sampled_from(TYPES), min_size=1))
def test_who_waits_without_end_gets_the_same(budgets: list[int], types: set[str]) -> None:
    """Types that always wait have got the same after any deals, but for one."""
    rotation = Rotation()
    got = Counter(dict.fromkeys(types, 0))
    for budget in budgets:
        got.update(rotation.deal(dict.fromkeys(types, 1_000), budget))
    assert max(got.values()) - min(got.values()) <= 1


@given(DEALS, st.lists(WAITING, min_size=2 * len(TYPES), max_size=40))
def test_nobody_starves(before: list[tuple[dict[str, int], int]], waits: list[dict[str, int]]) -> None:
    """A type that waits gets something within as many messages as there are types, whoever comes and goes beside it."""
    rotation = Rotation()
    for waiting, budget in before:
        rotation.deal(waiting, budget)
    served = ["a" in rotation.deal({**waiting, "a": 5}, 1) for waiting in waits]
    windows = [served[at : at + len(TYPES)] for at in range(len(served) - len(TYPES) + 1)]
    assert all(any(window) for window in windows)


@given(DEALS)
def test_the_same_deals_give_the_same(deals: list[tuple[dict[str, int], int]]) -> None:
    """Two rotations that saw the same deal the same, in whatever order the types were listed."""
    one, other = Rotation(), Rotation()
    for waiting, budget in deals:
        assert one.deal(waiting, budget) == other.deal(dict(reversed(waiting.items())), budget)
