from telegram.simulator.flood import Violation
from telegram.simulator.journal import Call, Journal


def closed(journal: Journal, method: str, decision: str | int | None) -> Call:
    """Make a call and be done with it."""
    call = Call(0.0, method)
    journal.note_call()
    journal.close(call, decision)
    return call


def test_calls_are_numbered_as_they_are_done_with() -> None:
    """Whoever asks for what came after a number misses nothing."""
    journal = Journal()
    for method in ("getMe", "sendMessage", "getChat"):
        closed(journal, method, "ok")
    assert [call.method for call in journal.after(1)] == ["sendMessage", "getChat"]
    assert [call.number for call in journal.after(0)] == [1, 2, 3]
    assert journal.after(3) == []


def test_counters_tell_rejected_from_throttled() -> None:
    """A 429 is throttled, any other error rejected, a dropped connection neither."""
    journal = Journal()
    for decision in ("ok", 429, 403, 502, None):
        closed(journal, "sendMessage", decision)
    assert (journal.counters.calls, journal.counters.throttled, journal.counters.rejected) == (5, 1, 2)


def test_the_rate_counts_deliveries_of_the_last_second() -> None:
    """Deliveries count for one second, duplicates and violations for ever."""
    journal = Journal()
    for now in (10.0, 10.5, 10.9):
        journal.note_delivery(Call(0.0, "sendMessage"), now, repeated=now > 10.7)
    journal.note_violation(Call(0.0, "sendMessage"), Violation.OVER_RATE)
    assert journal.rate_last_second(11.2) == 2
    assert journal.rate_last_second(12.0) == 0
    assert (journal.counters.delivered, journal.counters.duplicates, journal.counters.violations) == (3, 1, 1)
