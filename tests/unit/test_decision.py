"""What follows from an attempt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox.delivery.decision import SCHEDULE, Decision, Policy, decide
from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.delivery.state import MOVES, State

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
TWICE = Policy(schedule=(10 * SECOND, 60 * SECOND))

reasons = st.sampled_from(Reason)
delays = st.timedeltas(timedelta(0), timedelta(days=30))
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Delivered, st.none() | st.integers(1), st.none() | reasons),
    st.builds(Snooze, delays, reasons),
    st.builds(Retry, reasons),
    st.builds(Reject, reasons),
    st.builds(Unknown, reasons, st.none() | delays),
)
failures: st.SearchStrategy[Retry | Unknown] = st.builds(Retry, reasons) | st.builds(Unknown, reasons)
"""What costs an attempt and may come again."""
policies = st.builds(
    Policy,
    schedule=st.lists(delays, max_size=8).map(tuple),
    on_unknown=st.sampled_from(("resend", "hold")),
    expires_at=st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 (hypothesis wants naive bounds)
    jitter=st.floats(0.0, 1.0, exclude_min=True),
)
counts = st.integers(0, 12)
waits = st.timedeltas(SECOND, timedelta(days=30))
"""Long enough that a jitter leaves something of them."""
jitters = st.floats(0.001, 1.0)


def test_delivered_is_sent() -> None:
    """A delivered message is sent, and the attempt that sent it counts."""
    assert decide(Delivered(message_id=7), 0, NOW, Policy()) == Decision(State.SENT, 1)


def test_delivered_keeps_its_reason() -> None:
    """A delivery whose answer could not be read is sent all the same and says why it has no message id."""
    decision = decide(Delivered(reason=Reason.UNDECODABLE), 2, NOW, Policy())
    assert decision == Decision(State.SENT, 3, Reason.UNDECODABLE)


def test_delivered_after_its_time_is_sent() -> None:
    """What arrived has arrived, whether or not its time to live has ended."""
    assert decide(Delivered(), 0, NOW, Policy(expires_at=NOW - SECOND)).state is State.SENT


def test_snooze_waits_as_told() -> None:
    """A snoozed delivery waits exactly as long as it was told and costs no attempt."""
    decision = decide(Snooze(17 * SECOND, Reason.FLOOD), 1, NOW, Policy(jitter=0.5))
    assert decision == Decision(State.PENDING, 1, Reason.FLOOD, 17 * SECOND)


def test_snooze_never_uses_attempts_up() -> None:
    """A delivery on its last attempt can be snoozed without dying."""
    assert decide(Snooze(SECOND, Reason.PACE), 2, NOW, TWICE).state is State.PENDING


@pytest.mark.parametrize(("before", "delay"), [(0, 10 * SECOND), (1, 60 * SECOND)])
def test_retry_goes_by_the_schedule(before: int, delay: timedelta) -> None:
    """After the n-th failed attempt a delivery waits for the schedule's n-th delay."""
    decision = decide(Retry(Reason.UNAVAILABLE), before, NOW, TWICE)
    assert decision == Decision(State.PENDING, before + 1, Reason.UNAVAILABLE, delay)


def test_the_schedules_length_is_the_limit() -> None:
    """A schedule of two delays allows three attempts: the third failure is the death."""
    decision = decide(Retry(Reason.UNAVAILABLE), 2, NOW, TWICE)
    assert decision == Decision(State.DEAD, 3, Reason.UNAVAILABLE)


def test_no_schedule_means_no_retry() -> None:
    """With an empty schedule the first failure is the death."""
    decision = decide(Retry(Reason.INTERNAL), 0, NOW, Policy(schedule=()))
    assert decision == Decision(State.DEAD, 1, Reason.INTERNAL)


def test_the_default_schedule() -> None:
    """Without a setting six retries are spread over seven hours and twelve minutes."""
    assert len(SCHEDULE) == 6
    assert sum(SCHEDULE, timedelta(0)) == timedelta(hours=7, minutes=12, seconds=35)


def test_jitter_shortens_the_schedules_delay() -> None:
    """Jitter multiplies the delay of the schedule."""
    policy = Policy(schedule=(40 * SECOND,), jitter=0.25)
    assert decide(Retry(Reason.UNAVAILABLE), 0, NOW, policy).delay == 10 * SECOND


def test_jitter_comes_last() -> None:
    """Whether a retry comes too late is decided with the delay that jitter leaves, not with the schedule's."""
    early = Policy(schedule=(40 * SECOND,), jitter=0.25, expires_at=NOW + 20 * SECOND)
    assert decide(Retry(Reason.UNAVAILABLE), 0, NOW, early).state is State.PENDING


def test_reject_dies_at_once() -> None:
    """A rejected delivery dies, however many attempts are left, and its attempt counts."""
    decision = decide(Reject(Reason.BAD_MESSAGE), 0, NOW, Policy())
    assert decision == Decision(State.DEAD, 1, Reason.BAD_MESSAGE)


@pytest.mark.parametrize("reason", [Reason.NO_LINK, Reason.FORGOTTEN])
def test_nobody_to_send_to_is_no_dead_letter(reason: Reason) -> None:
    """A delivery that finds nobody to send to is skipped without an attempt."""
    assert decide(Reject(reason), 1, NOW, Policy()) == Decision(State.SKIPPED, 1, reason)


def test_unknown_is_held_where_twice_is_worse() -> None:
    """An unknown outcome of a type marked hold waits for an operator."""
    decision = decide(Unknown(Reason.LOST_ANSWER), 0, NOW, Policy(on_unknown="hold"))
    assert decision == Decision(State.UNKNOWN, 1, Reason.LOST_ANSWER)


def test_unknown_is_held_even_after_its_time() -> None:
    """A held delivery whose time to live has ended is still the operator's: it may have arrived."""
    policy = Policy(on_unknown="hold", expires_at=NOW - SECOND)
    assert decide(Unknown(Reason.LOST_ANSWER), 0, NOW, policy).state is State.UNKNOWN


def test_unknown_is_sent_again_where_never_is_worse() -> None:
    """An unknown outcome of any other type is retried by the schedule and counted as a possible duplicate."""
    decision = decide(Unknown(Reason.WORKER_LOST), 0, NOW, TWICE)
    assert decision == Decision(State.PENDING, 1, Reason.WORKER_LOST, 10 * SECOND, possible_duplicate=True)


def test_unknown_can_use_attempts_up() -> None:
    """The last unknown outcome is a death, and what is not sent again is no possible duplicate."""
    decision = decide(Unknown(Reason.WORKER_LOST), 2, NOW, TWICE)
    assert decision == Decision(State.DEAD, 3, Reason.WORKER_LOST, possible_duplicate=False)


def test_an_outage_costs_the_unknown_no_attempt() -> None:
    """An outcome that an outage left unknown comes again after its own delay, even on the last attempt."""
    decision = decide(Unknown(Reason.LOST_ANSWER, 5 * SECOND), 2, NOW, TWICE)
    assert decision == Decision(State.PENDING, 2, Reason.LOST_ANSWER, 5 * SECOND, possible_duplicate=True)


def test_an_outage_does_not_resend_what_must_not_arrive_twice() -> None:
    """An outcome that an outage left unknown is held like any other where twice is worse."""
    decision = decide(Unknown(Reason.LOST_ANSWER, 5 * SECOND), 0, NOW, Policy(on_unknown="hold"))
    assert decision == Decision(State.UNKNOWN, 1, Reason.LOST_ANSWER)


def test_expiry_ends_a_retry() -> None:
    """A retry that would come when its time to live has ended is not waited for."""
    decision = decide(Retry(Reason.UNAVAILABLE), 0, NOW, Policy(schedule=(MINUTE,), expires_at=NOW + MINUTE))
    assert decision == Decision(State.EXPIRED, 1, Reason.EXPIRED)


def test_expiry_ends_a_snooze() -> None:
    """A snooze beyond the time to live is not waited for, and costs no attempt."""
    decision = decide(Snooze(MINUTE, Reason.FLOOD), 1, NOW, Policy(expires_at=NOW + 59 * SECOND))
    assert decision == Decision(State.EXPIRED, 1, Reason.EXPIRED)


def test_expiry_ends_a_resend() -> None:
    """A resend beyond the time to live is not made, so it is no possible duplicate."""
    policy = Policy(schedule=(MINUTE,), expires_at=NOW + SECOND)
    assert decide(Unknown(Reason.LOST_ANSWER), 0, NOW, policy) == Decision(State.EXPIRED, 1, Reason.EXPIRED)


def test_time_enough_is_time_enough() -> None:
    """A retry that comes a second before the end of its time to live is waited for."""
    policy = Policy(schedule=(MINUTE,), expires_at=NOW + 61 * SECOND)
    assert decide(Retry(Reason.UNAVAILABLE), 0, NOW, policy) == Decision(
        State.PENDING, 1, Reason.UNAVAILABLE, timedelta(minutes=1)
    )


@given(outcomes, counts, policies)
def test_every_decision_is_a_legal_move(outcome: Outcome, attempts: int, policy: Policy) -> None:
    """Whatever the outcome, a delivery that was being sent moves as the state machine allows."""
    assert decide(outcome, attempts, NOW, policy).state in MOVES[State.SENDING]


@given(outcomes, counts, policies)
def test_attempts_grow_by_one_at_most(outcome: Outcome, attempts: int, policy: Policy) -> None:
    """No outcome takes attempts back or costs more than one."""
    assert decide(outcome, attempts, NOW, policy).attempts - attempts in {0, 1}


@given(delays, reasons, counts, policies)
def test_snooze_costs_nothing(delay: timedelta, reason: Reason, attempts: int, policy: Policy) -> None:
    """A snooze leaves the count of attempts as it is, whatever the policy."""
    assert decide(Snooze(delay, reason), attempts, NOW, policy).attempts == attempts


@given(delays, reasons, counts, policies)
def test_a_snooze_waits_as_told_or_expires(delay: timedelta, reason: Reason, attempts: int, policy: Policy) -> None:
    """Neither schedule nor jitter nor the number of attempts touches a snooze; only its time to live can end it."""
    decision = decide(Snooze(delay, reason), attempts, NOW, policy)
    late = policy.expires_at is not None and NOW + delay >= policy.expires_at
    assert (decision.state, decision.delay) == ((State.EXPIRED, timedelta(0)) if late else (State.PENDING, delay))


@given(st.lists(waits, max_size=8).map(tuple), st.data())
def test_a_failing_delivery_lives_as_long_as_the_schedule(schedule: tuple[timedelta, ...], data: st.DataObject) -> None:
    """A delivery that fails for ever is tried once more than the schedule is long, then it is dead."""
    waited, attempts, state = [], 0, State.PENDING
    while state is State.PENDING:
        decision = decide(data.draw(failures), attempts, NOW, Policy(schedule=schedule, jitter=data.draw(jitters)))
        attempts, state = decision.attempts, decision.state
        waited.append(decision.delay)
    assert (state, attempts) == (State.DEAD, len(schedule) + 1)
    assert all(timedelta(0) < delay <= most for delay, most in zip(waited, schedule, strict=False))


@given(st.lists(waits, min_size=1, max_size=8).map(tuple), jitters, st.data())
def test_jitter_multiplies_last(schedule: tuple[timedelta, ...], jitter: float, data: st.DataObject) -> None:
    """A failed attempt waits for jitter times the schedule's delay, and that wait must end within its time to live."""
    before = data.draw(st.integers(0, len(schedule) - 1))
    wait = schedule[before] * jitter
    for expires_at, state in ((NOW + wait, State.EXPIRED), (NOW + wait + SECOND / 1000, State.PENDING)):
        decision = decide(Retry(Reason.FORBIDDEN), before, NOW, Policy(schedule, "resend", expires_at, jitter))
        assert (decision.state, decision.attempts) == (state, before + 1)
        assert decision.delay == (wait if state is State.PENDING else timedelta(0))


@given(reasons, delays, counts, policies)
def test_an_outage_never_costs_an_attempt(reason: Reason, delay: timedelta, attempts: int, policy: Policy) -> None:
    """An unknown outcome with a delay of its own is sent again after it, or expires: never dead, never counted."""
    policy = replace(policy, on_unknown="resend")
    decision = decide(Unknown(reason, delay), attempts, NOW, policy)
    late = policy.expires_at is not None and NOW + delay >= policy.expires_at
    again = Decision(State.PENDING, attempts, reason, delay, possible_duplicate=True)
    assert decision == (Decision(State.EXPIRED, attempts, Reason.EXPIRED) if late else again)


@given(reasons, st.none() | delays, counts, policies)
def test_what_is_held_is_never_sent_again(
    reason: Reason, delay: timedelta | None, attempts: int, policy: Policy
) -> None:
    """Whatever its delay, attempts or time to live, an unknown outcome of a type marked hold is the operator's."""
    decision = decide(Unknown(reason, delay), attempts, NOW, replace(policy, on_unknown="hold"))
    assert decision == Decision(State.UNKNOWN, attempts + 1, reason)


@given(outcomes, counts, policies)
def test_a_possible_duplicate_is_an_unknown_that_comes_again(outcome: Outcome, attempts: int, policy: Policy) -> None:
    """Exactly what may have arrived and is sent again counts as a possible duplicate."""
    decision = decide(outcome, attempts, NOW, policy)
    assert decision.possible_duplicate == (isinstance(outcome, Unknown) and decision.state is State.PENDING)


@given(failures, counts, policies)
def test_a_delay_stays_within_the_schedule(outcome: Retry | Unknown, attempts: int, policy: Policy) -> None:
    """A failed attempt is never followed by a wait longer than the schedule's longest."""
    delay = decide(outcome, attempts, NOW, policy).delay
    assert timedelta(0) <= delay <= max(policy.schedule, default=timedelta(0))


@given(outcomes, counts, policies)
def test_only_what_waits_has_a_delay(outcome: Outcome, attempts: int, policy: Policy) -> None:
    """A delay, or the mark of a possible duplicate, stands only on a delivery that is pending again."""
    decision = decide(outcome, attempts, NOW, policy)
    if decision.state is not State.PENDING:
        assert decision.delay == timedelta(0)
        assert not decision.possible_duplicate


@given(outcomes, counts, policies)
def test_what_is_not_sent_says_why(outcome: Outcome, attempts: int, policy: Policy) -> None:
    """Every decision but a plain delivery carries a reason."""
    decision = decide(outcome, attempts, NOW, policy)
    assert decision.reason is not None or isinstance(outcome, Delivered)


@given(outcomes, counts, policies)
def test_nothing_waits_beyond_its_time(outcome: Outcome, attempts: int, policy: Policy) -> None:
    """What waits for another attempt can still make it before its time to live ends."""
    decision = decide(outcome, attempts, NOW, policy)
    if decision.state is State.PENDING and policy.expires_at is not None:
        assert NOW + decision.delay < policy.expires_at


def test_what_flaps_for_minutes_is_not_tried_after_seconds() -> None:
    """A step of the schedule that is too short for the fault is lengthened; a longer one stays; jitter comes last."""
    outcome = Retry(Reason.FORBIDDEN, at_least=timedelta(minutes=1))
    policy = Policy((timedelta(seconds=5), timedelta(hours=1)), jitter=0.5)
    assert decide(outcome, 0, NOW, policy).delay == timedelta(seconds=30)
    assert decide(outcome, 1, NOW, policy).delay == timedelta(minutes=30)
