"""Expired leases: ends attempts that dead workers left, of which nobody knows whether they arrived."""

from health import get_logger
from outbox.database.connection import Connection
from outbox.delivery.outcome import Reason, Unknown
from outbox.lane import run
from outbox.lane.lane_claim import Claimed
from outbox.recording import record
from outbox.recording.record import Finish
from workers.delivery.decide import decide_for, own_events
from workers.delivery.recorder import count
from workers.wiring.worker_parts import WorkerParts

log = get_logger()

LARGEST = 500
"""Ended leases settled in one transaction; one may have been sending dozens of deliveries."""


async def settle(parts: WorkerParts, conn: Connection) -> int:
    """End attempts whose lease has ended: nobody knows whether they arrived. Return of how many deliveries."""
    taken = await run.take_ended(conn, LARGEST)
    if taken:
        finishes = [_lost(parts, claimed) for claimed in taken]
        recorded = await record.record(conn, finishes)
        count(parts, finishes, recorded)
        if recorded.won:
            log.warning("leases_settled", count=len(recorded.won))
    return len(taken)


def _lost(parts: WorkerParts, claimed: Claimed) -> Finish:
    outcome = Unknown(Reason.WORKER_LOST)
    decision = decide_for(parts, claimed, outcome)
    return Finish(claimed, outcome, decision, tell=tuple(own_events(parts, claimed, decision)))
