"""How an attempt ends: what is decided about its delivery, and about those that its message carried."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from logging import INFO

from health import LogSample, get_logger
from outbox.delivery.decision import Decision, OnUnknown, Policy, decide
from outbox.delivery.outcome import Outcome, Reason, Reject, Snooze
from outbox.delivery.state import State
from outbox.event_log import own_event
from outbox.event_log.own_event import OwnEvent
from outbox.lane import digest
from outbox.lane.lane_claim import Claimed
from outbox.recording.record import Finish
from telegram import LinkChange, Verdict
from workers.delivery.log_fields import subject_of
from workers.wiring.worker_parts import WorkerParts

log = get_logger()

NO_TIME = timedelta(0)


def decide_for(parts: WorkerParts, claimed: Claimed, outcome: Outcome) -> Decision:
    """Decide by the type's policy and a fresh jitter."""
    if isinstance(outcome, Reject) and outcome.reason is Reason.EXPIRED:
        return Decision(State.EXPIRED, claimed.attempts, Reason.EXPIRED)
    known = parts.catalog.types.get(claimed.type)
    on_unknown: OnUnknown = known.on_unknown if known else "resend"
    jitter = 1.0 - random.random()  # noqa: S311 (spreads retries, hides nothing)
    policy = Policy(parts.settings.retry_schedule, on_unknown, claimed.expires_at, jitter)
    return decide(outcome, claimed.attempts, datetime.now(UTC), policy)


def own_events(
    parts: WorkerParts, claimed: Claimed, decision: Decision, change: LinkChange | None = None
) -> list[OwnEvent]:
    """Make the events of our own by which people learn what only they can mend."""
    events = []
    if decision.state is State.UNKNOWN:
        events.append(own_event.delivery_held(claimed.type, parts.settings.operators, datetime.now(UTC)))
    if change is not None and change.tell_owner:
        events.append(own_event.chat_refused(claimed.recipient, claimed.delivery_id))
    return [event for event in events if event is not None]


def refused_as_digest(verdict: Verdict) -> Verdict:
    """Let nobody die of a message that listed many: each goes by itself, and shows then whether it was at fault."""
    if isinstance(verdict.outcome, Reject) and verdict.link is None:
        return replace(verdict, outcome=Snooze(NO_TIME, Reason.DIGEST))
    return verdict


def end_carried(parts: WorkerParts, claimed: Claimed, verdict: Verdict) -> Finish:
    """End what the message listed besides its head: it arrived, or nobody knows, or it waits as before."""
    outcome = digest.of_carried(verdict.outcome)
    decision = decide_for(parts, claimed, outcome)
    if isinstance(outcome, Snooze) and decision.state is State.PENDING and outcome.reason is not Reason.DIGEST:
        decision = replace(decision, reason=Reason(claimed.reason) if claimed.reason else None)
    return Finish(
        claimed,
        outcome,
        decision,
        seconds=verdict.seconds,
        phase=verdict.phase if verdict.requests else None,
        tell=tuple(own_events(parts, claimed, decision)),
    )


def log_end(finish: Finish, sample: LogSample) -> None:
    """State what became of a delivery, once that is written; of those that were simply sent a sample."""
    decision = finish.decision
    match decision.state:
        case State.SENT:
            if log.is_enabled_for(INFO) and sample.takes(finish.claimed.request_id, finish.claimed.event_id):
                log.info("delivery_sent", **_known(finish), **sample.mark)
        case State.PENDING:
            # that somebody sleeps is no fault
            tell = log.info if decision.reason is Reason.QUIET_HOURS else log.warning
            tell("delivery_postponed", **_known(finish), delay_seconds=decision.delay.total_seconds())
        case State.DEAD:
            log.error("delivery_died", **_known(finish))
        case _:
            log.warning("delivery_ended", **_known(finish), state=decision.state)


def _known(finish: Finish) -> dict[str, object]:
    """List what every line about the end of an attempt has."""
    known = {**subject_of(finish.claimed), "outcome": type(finish.outcome).__name__.lower()}
    reason = finish.decision.reason
    return known if reason is None else {**known, "reason": reason}
