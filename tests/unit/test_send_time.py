"""Send times: when slow sends are an early sign of throttling."""

import pytest

from telegram import SendTimes


def told(*seconds: float) -> list[bool]:
    """Add sends; give what each was answered."""
    times = SendTimes()
    return [times.add(each) for each in seconds]


def test_quick_sends_are_no_sign() -> None:
    """As long as sends take 3 s at the most, nothing is said."""
    assert not any(told(*[3.0] * 200))


def test_more_than_one_in_twenty_slow_is_a_sign() -> None:
    """Three slow ones of forty: the 95th percentile lies over 3 s."""
    assert told(*[0.1] * 37, 4, 4, 4)[-1]


def test_two_of_forty_are_no_sign() -> None:
    """One in twenty may be slow."""
    assert not any(told(*[0.1] * 38, 4, 4))


@pytest.mark.parametrize("sends", [1, 10, 39])
def test_few_sends_prove_nothing(sends: int) -> None:
    """Before forty sends nothing is said, however slow they are."""
    assert not any(told(*[8.0] * sends))


def test_after_a_sign_it_counts_anew() -> None:
    """The same slow sends are not told twice."""
    answers = told(*[8.0] * 100)
    assert [number for number, sign in enumerate(answers, 1) if sign] == [40, 80]
