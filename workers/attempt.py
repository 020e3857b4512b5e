"""One attempt at one delivery: render, send, judge, decide."""

import random
from datetime import UTC, datetime, timedelta

from health import bound, get_logger
from outbox import own_event, payload
from outbox.decision import Decision, OnUnknown, Policy, decide
from outbox.delivery import State
from outbox.lane import Claimed
from outbox.outcome import Outcome, Reason, Reject, Retry, Unknown
from outbox.own_event import OwnEvent
from outbox.record import Finish
from outbox.text import TemplateFault
from telegram import LinkChange, Verdict
from telegram.message import compose
from workers.parts import Parts

log = get_logger()

CHAT_BURST = 3
"""Messages that a private chat takes at once after a pause."""


async def attempt(parts: Parts, claimed: Claimed, *, probe: bool = False) -> Finish:
    """Make one attempt and decide what follows from it; a fault of our own is an outcome too.

    `probe`: it is the one attempt that tries whether an opened gate holds.
    """
    with bound(
        request_id=claimed.request_id,
        event_id=claimed.event_id,
        delivery_id=claimed.delivery_id,
        attempt=claimed.attempts + 1,
    ):
        sent = await _send(parts, claimed)
        verdict = await parts.bot.heed(claimed, sent, probe=probe)
        decision = decide_for(parts, claimed, verdict.outcome)
        if verdict.degraded is not None:
            parts.metrics.messages_degraded.labels(claimed.type, verdict.degraded).inc()
            log.warning("message_degraded", type=claimed.type, part=verdict.degraded)
        _log(decision)
    return Finish(
        claimed,
        verdict.outcome,
        decision,
        seconds=verdict.seconds,
        phase=verdict.phase if verdict.requests else None,
        link=verdict.link.state if verdict.link else None,
        link_after=verdict.link.after if verdict.link else timedelta(0),
        restore_links=verdict.restore_links,
        migrate_to=verdict.migrate_to,
        every=_pace(parts, claimed) * verdict.requests,
        burst=CHAT_BURST,
        tell=tuple(own_events(parts, claimed, decision, verdict.link)),
    )


def own_events(parts: Parts, claimed: Claimed, decision: Decision, change: LinkChange | None = None) -> list[OwnEvent]:
    """Make the events of our own by which people learn what only they can mend."""
    events = []
    if decision.state is State.UNKNOWN:
        events.append(own_event.delivery_held(claimed.type, parts.settings.operators, datetime.now(UTC)))
    if change is not None and change.tell_owner:
        events.append(own_event.chat_refused(claimed.recipient, claimed.delivery_id))
    return [event for event in events if event is not None]


def _needless(parts: Parts, claimed: Claimed) -> Reason | None:
    """Say why nothing has to be sent any more."""
    if claimed.expires_at is not None and claimed.claimed_at >= claimed.expires_at:
        return Reason.EXPIRED
    return None if claimed.type in parts.catalog.types else Reason.UNROUTED


async def _send(parts: Parts, claimed: Claimed) -> Verdict:
    needless = _needless(parts, claimed)
    if needless is not None or claimed.chat_id is None:
        return Verdict(Reject(needless or Reason.NO_LINK), requests=0)
    try:
        message = compose(parts.catalog, claimed.type, claimed.locale, payload.read(claimed.payload))
    except (TemplateFault, payload.PayloadError) as fault:
        log.warning("template_failed", type=claimed.type, error=fault)
        return Verdict(Reject(Reason.TEMPLATE), requests=0)
    except Exception as fault:
        log.error("message_failed", type=claimed.type, exc_info=fault)
        return Verdict(Retry(Reason.INTERNAL), requests=0)
    try:
        return await parts.sender.send(claimed.chat_id, message, thread_id=claimed.thread_id)
    except Exception as fault:
        log.error("send_failed", type=claimed.type, exc_info=fault)
        return Verdict(Unknown(Reason.INTERNAL))


def decide_for(parts: Parts, claimed: Claimed, outcome: Outcome) -> Decision:
    """Decide by the type's policy and a fresh jitter."""
    if isinstance(outcome, Reject) and outcome.reason is Reason.EXPIRED:
        return Decision(State.EXPIRED, claimed.attempts, Reason.EXPIRED)
    known = parts.catalog.types.get(claimed.type)
    on_unknown: OnUnknown = known.on_unknown if known else "resend"
    jitter = 1.0 - random.random()  # noqa: S311 (spreads retries, hides nothing)
    policy = Policy(parts.settings.retry_schedule, on_unknown, claimed.expires_at, jitter)
    return decide(outcome, claimed.attempts, datetime.now(UTC), policy)


def _pace(parts: Parts, claimed: Claimed) -> timedelta:
    if parts.settings.paid_broadcast:
        return timedelta(0)
    group = claimed.chat_id is not None and claimed.chat_id < 0
    per_second = parts.settings.group_rate_per_minute / 60 if group else parts.settings.chat_rate
    return timedelta(seconds=1 / per_second)


def _log(decision: Decision) -> None:
    match decision.state:
        case State.SENT:
            log.info("delivery_sent")
        case State.PENDING:
            log.warning("delivery_postponed", reason=decision.reason, delay_seconds=decision.delay.total_seconds())
        case State.DEAD:
            log.error("delivery_died", reason=decision.reason)
        case _:
            log.warning("delivery_ended", state=decision.state, reason=decision.reason)
