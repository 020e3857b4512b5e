"""What follows from an outcome: pure, no clock, no chance, no log."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

from outbox.delivery.outcome import Delivered, Outcome, Reason, Reject, Retry, Snooze, Unknown
from outbox.delivery.state import State

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
)
"""How long to wait after the first, second, ... failed attempt; after the last of them the delivery dies."""

OnUnknown = Literal["resend", "hold"]

NOTHING_TO_SEND = frozenset({Reason.NO_LINK, Reason.FORGOTTEN})
"""Rejects that found nobody to send to: no dead letter, for an operator can do nothing about them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the decision about one delivery depends on besides its outcome."""

    schedule: tuple[timedelta, ...] = SCHEDULE
    on_unknown: OnUnknown = "resend"
    expires_at: datetime | None = None
    jitter: float = 1.0
    """Drawn from (0, 1] by the caller; multiplies the schedule's delay, last of all."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a delivery that was being sent."""

    state: State
    attempts: int
    reason: Reason | None = None
    delay: timedelta = timedelta(0)
    """From the record on, when it is pending again."""
    possible_duplicate: bool = False
    """It will be sent again although it may have arrived."""


def decide(  # noqa: PLR0911 (one for each outcome)
    outcome: Outcome, attempts: int, now: datetime, policy: Policy
) -> Decision:
    """Decide what follows from one attempt; `attempts` counts those before it."""
    match outcome:
        case Delivered(reason=reason):
            return Decision(State.SENT, attempts + 1, reason)
        case Snooze(delay=delay, reason=reason):
            return _wait(attempts, reason, delay, now, policy)
        case Retry(reason=reason, at_least=at_least):
            return _again(attempts + 1, reason, now, policy, at_least)
        case Reject(reason=reason) if reason in NOTHING_TO_SEND:
            return Decision(State.SKIPPED, attempts, reason)
        case Reject(reason=reason):
            return Decision(State.DEAD, attempts + 1, reason)
        case Unknown(reason=reason) if policy.on_unknown == "hold":
            return Decision(State.UNKNOWN, attempts + 1, reason)
        case Unknown(reason=reason, delay=delay):
            again = (
                _again(attempts + 1, reason, now, policy)
                if delay is None
                else _wait(attempts, reason, delay, now, policy)
            )
            return replace(again, possible_duplicate=again.state is State.PENDING)
        case _:
            assert_never(outcome)


def _again(
    attempts: int, reason: Reason, now: datetime, policy: Policy, at_least: timedelta = timedelta(0)
) -> Decision:
    if attempts > len(policy.schedule):
        return Decision(State.DEAD, attempts, reason)
    delay = max(policy.schedule[attempts - 1], at_least)
    return _wait(attempts, reason, delay * policy.jitter, now, policy)


def _wait(attempts: int, reason: Reason, delay: timedelta, now: datetime, policy: Policy) -> Decision:
    if policy.expires_at is not None and now + delay >= policy.expires_at:
        return Decision(State.EXPIRED, attempts, Reason.EXPIRED)
    return Decision(State.PENDING, attempts, reason, delay)
