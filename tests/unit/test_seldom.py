"""Lines that would come again and again."""

from health import Seldom


def test_one_line_a_minute_for_each() -> None:
    """A second line about the same comes after a minute; others do not wait for it."""
    now = 0.0
    seldom = Seldom(lambda: now)
    assert [seldom.takes("a"), seldom.takes("a"), seldom.takes("b")] == [True, False, True]
    now = 59.9
    assert seldom.takes("a") is False
    now = 60.0
    assert [seldom.takes("a"), seldom.takes("a"), seldom.takes("b")] == [True, False, True]


def test_a_flood_of_things_is_not_remembered() -> None:
    """A thousand of them get a line within a minute, and no more memory is taken than theirs."""
    now = 0.0
    seldom = Seldom(lambda: now)
    assert sum(seldom.takes(f"type-{number}") for number in range(5_000)) == 1_000
    now = 60.0
    assert seldom.takes("type-4999")
