"""The subject of a log line: the ids under which everything that is told of an attempt is found."""

from typing import Any

from outbox.event_log.traceparent import trace_id_of
from outbox.lane.lane_claim import Claimed


def subject_of(claimed: Claimed) -> dict[str, Any]:
    """Name the attempt that a claimed delivery is for, without what its event does not have."""
    ids = {
        "request_id": claimed.request_id,
        "trace_id": trace_id_of(claimed.traceparent),
        "event_id": claimed.event_id,
        "delivery_id": claimed.delivery_id,
        "attempt": claimed.attempts + 1,
    }
    return {name: value for name, value in ids.items() if value is not None}
