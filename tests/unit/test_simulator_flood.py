from telegram.simulator.flood import Admission, Flood, Violation
from telegram.simulator.options import SimulatorOptions

PERSON, GROUP = 42, -42


def flood(**options: float) -> Flood:
    """Make the limits of a bot at time 0."""
    return Flood(SimulatorOptions(**options), now=0.0)  # type: ignore[arg-type]  # numbers only


def send(limits: Flood, now: float, chat_id: int = PERSON, *, paid: bool = False) -> Admission:
    """Send one message; negative ids are groups."""
    return limits.admit(chat_id, is_group=chat_id < 0, paid=paid, now=now)


def test_a_client_within_its_pace_is_never_held() -> None:
    """25 messages a second with a burst of 10, at most one a second and 3 at once to a chat: no wait."""
    limits = flood()
    burst = [send(limits, 0.0, chat_id) for chat_id in (1, 1, 1, 2, 2, 2, 3, 3, 3, 4)]
    paced = [send(limits, 0.04 * number, 10 + number % 25) for number in range(1, 2500)]
    assert set(burst + paced) == {Admission()}


def test_a_chat_takes_five_at_once_and_then_one_a_second() -> None:
    """Waits of up to 8 s are absorbed by holding the answer; the next message gets a 429 of 9 s."""
    limits = flood()
    admissions = [send(limits, 0.0) for _ in range(14)]
    assert [each.hold for each in admissions[:13]] == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert admissions[13] == Admission(retry_after=9, violation=Violation.OVER_RATE)
    assert [each.violation for each in admissions[4:6]] == [None, Violation.OVER_RATE]


def test_sending_on_during_a_wait_lengthens_it() -> None:
    """Each call during a wait adds the first wait once more, and is a violation."""
    limits = flood()
    for _ in range(14):
        send(limits, 0.0)
    assert send(limits, 2.0) == Admission(retry_after=16, violation=Violation.DURING_WAIT)
    assert send(limits, 3.0) == Admission(retry_after=24, violation=Violation.DURING_WAIT)


def test_calls_under_way_do_not_lengthen_a_wait() -> None:
    """Who could not have read the 429 yet is told to wait, and not blamed."""
    limits = flood()
    for _ in range(14):
        send(limits, 0.0)
    assert send(limits, 0.1) == Admission(retry_after=9)


def test_a_wait_of_one_chat_leaves_the_others_alone() -> None:
    """A closed chat says nothing about another; after the wait it is open again."""
    limits = flood()
    for _ in range(14):
        send(limits, 0.0)
    assert send(limits, 2.0, chat_id=7) == Admission()
    assert send(limits, 9.1) == Admission()


def test_a_bot_over_its_rate_closes_every_chat() -> None:
    """30 at once pass, 8 s more are absorbed, then every chat gets a 429."""
    limits = flood()
    admissions = [send(limits, 0.0, chat_id) for chat_id in range(1, 272)]
    assert {each.hold for each in admissions[:30]} == {0}
    assert admissions[269].hold == 8.0
    assert admissions[270].retry_after == 9
    assert send(limits, 1.0, chat_id=9999).violation is Violation.DURING_WAIT


def test_a_group_takes_twenty_a_minute() -> None:
    """After twenty messages a group is slower than a person."""
    limits = flood(chat_rate=10)
    admissions = [send(limits, 0.0, GROUP) for _ in range(23)]
    assert [each.hold for each in admissions[19:22]] == [0, 3, 6]
    assert admissions[22].retry_after == 9


def test_paid_messages_have_their_own_rate() -> None:
    """With allow_paid_broadcast a thousand a second pass; without it the bot's rate holds."""
    limits = flood()
    assert {send(limits, 0.0, chat_id, paid=True) for chat_id in range(999)} == {Admission()}
    assert send(limits, 0.0, 5000) == Admission()
    assert send(limits, 0.0, 5001, paid=True).hold == 0
    assert send(limits, 0.0, 5002, paid=True).violation is Violation.OVER_RATE


def test_without_limits_everything_passes() -> None:
    """`--no-limits` switches the model off."""
    limits = flood(no_limits=True)
    assert {send(limits, 0.0) for _ in range(1000)} == {Admission()}


def test_a_wait_never_grows_beyond_an_hour() -> None:
    """However long a client sends on, it is told to wait an hour at most, and may then send again."""
    limits = flood()
    for _ in range(14):
        send(limits, 0.0)
    waits = [send(limits, 1.0 + number).retry_after for number in range(500)]
    assert max(wait or 0 for wait in waits) == 3600
    assert send(limits, 500.0 + 3600) == Admission()


def test_the_longest_of_several_waits_is_told() -> None:
    """A group over its minute's share is told that wait, although a message to it would fit the second's."""
    limits = flood(chat_rate=10, group_rate_per_minute=6)
    for _ in range(6):
        send(limits, 0.0, GROUP)
    assert send(limits, 0.0, GROUP).retry_after == 10
    assert send(limits, 1.0, GROUP) == Admission(retry_after=19, violation=Violation.DURING_WAIT)
    assert send(limits, 1.0) == Admission()
