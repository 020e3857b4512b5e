"""What a worker's spans say: of an attempt, in the trace that its event belongs to, and of a batch of the relay."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from health import Span, Spans
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered, Outcome, Reason
from outbox.event_log.traceparent import Traceparent
from outbox.lane.lane_claim import Claimed
from outbox.relay.fan_out import Batch

DELIVER = {
    "messaging.system": "vestnik",
    "messaging.operation.name": "deliver",
    "messaging.operation.type": "process",
    "messaging.destination.name": "telegram",
}
RELAY = {
    "messaging.system": "vestnik",
    "messaging.operation.name": "relay",
    "messaging.operation.type": "receive",
}

UNSEEN = Span()
"""Where nobody watches, an attempt costs nothing for its span."""
NO_FAULT = frozenset({Reason.QUIET_HOURS, Reason.DIGEST, Reason.EXPIRED, Reason.NO_LINK})
"""Why something is not sent although all is well."""


def of_attempt(spans: Spans, claimed: Claimed) -> AbstractContextManager[Span]:
    """Watch one attempt, as a child of the span in which its event was emitted."""
    if spans.tracer is None:
        return nullcontext(UNSEEN)
    parent = None if claimed.traceparent is None else Traceparent.read(claimed.traceparent)
    facts = {
        **DELIVER,
        "messaging.message.id": str(claimed.event_id),
        "vestnik.type": claimed.type,
        "vestnik.delivery_id": claimed.delivery_id,
        "vestnik.request_id": claimed.request_id,
        "vestnik.attempt": claimed.attempts + 1,
    }
    return spans.of("deliver telegram", "CONSUMER", facts, None if parent is None else str(parent))


def tell_attempt(span: Span, outcome: Outcome, decision: Decision, carried: Sequence[Claimed]) -> None:
    """Say what came of it, and for which other events its message was sent."""
    if span is UNSEEN:
        return
    facts = {
        "vestnik.outcome": type(outcome).__name__.lower(),
        "vestnik.state": decision.state,
        "vestnik.reason": decision.reason,
    }
    span.tell({**facts, "messaging.batch.message_count": 1 + len(carried)} if carried else facts)
    for one in carried:
        if (other := Traceparent.read(one.traceparent)) is not None:
            span.link(str(other))
    if not isinstance(outcome, Delivered) and outcome.reason not in NO_FAULT:
        span.fail(outcome.reason)


def note_batch(spans: Spans, batch: Batch, began: int) -> None:
    """Show a batch that has been relayed; `began` is the time in nanoseconds.

    It stands for itself: its events are of many traces, and read without them.
    """
    if batch.first is None:
        return
    facts = {
        **RELAY,
        "messaging.batch.message_count": sum(batch.relayed.values()),
        "vestnik.notifications": batch.notifications,
        "vestnik.deliveries": batch.deliveries,
    }
    spans.note("relay", "CONSUMER", facts, began)
