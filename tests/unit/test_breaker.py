"""The breaker: what counts as an outage, and what as the trouble of one message."""

from telegram import Breaker


def failed(times: int) -> Breaker:
    """Make a breaker that has seen so many failures in a row."""
    breaker = Breaker()
    for _ in range(times):
        breaker.failed()
    return breaker


def test_one_failure_is_no_outage() -> None:
    """A single failure between answers may be the message's own."""
    breaker = failed(1)
    assert (breaker.alone, breaker.tripped) == (True, False)


def test_two_failures_say_nothing_yet() -> None:
    """After two in a row it is neither one message's trouble nor an outage."""
    breaker = failed(2)
    assert (breaker.alone, breaker.tripped) == (False, False)


def test_three_failures_in_a_row_are_an_outage() -> None:
    """Three in a row trip it, and it stays tripped while nothing answers."""
    assert failed(3).tripped
    assert failed(30).tripped


def test_any_answer_ends_it() -> None:
    """Whatever Telegram answers, it is there: counting begins anew."""
    breaker = failed(30)
    breaker.answered()
    assert not breaker.tripped
    breaker.failed()
    assert breaker.alone


def test_one_failure_for_all_is_an_outage() -> None:
    """The message that tried whether Telegram is back speaks for all of them."""
    breaker = Breaker()
    breaker.trip()
    assert (breaker.tripped, breaker.alone) == (True, False)
