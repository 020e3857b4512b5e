"""Folding: what follows a lane's head goes in one message with it, where there is much of it."""

from health import get_logger
from outbox.delivery.outcome import Reason
from outbox.lane import digest
from outbox.lane.lane_claim import Claimed
from telegram.digest_message import MOST_LINES, compose_digest
from workers.delivery.outgoing import LOOK_FAULTS, Outgoing, looking
from workers.wiring.worker_parts import WorkerParts

log = get_logger()


async def fold(parts: WorkerParts, head: Claimed) -> Outgoing | None:
    """Make one message of the head and what follows it; None where it goes by itself."""
    types = parts.catalog.digest_types(head.type)
    if not types or head.reason == Reason.DIGEST:
        return None
    run = [head, *await _following(parts, head, types)]
    if len(run) <= parts.settings.digest_over:
        return None
    try:
        listed = compose_digest(parts.catalog, run[:MOST_LINES])
    except Exception as fault:
        log.error("digest_failed", type=head.type, exc_info=fault)
        return None
    return None if listed is None else await _carry(parts, head, Outgoing(listed.message, tuple(run[1 : listed.count])))


async def _following(parts: WorkerParts, head: Claimed, types: frozenset[str]) -> list[Claimed]:
    limit = max(parts.settings.digest_over, MOST_LINES - 1)
    try:
        async with looking(parts) as conn:
            return await digest.following(conn, head, types, limit, MOST_LINES - 1)
    except LOOK_FAULTS as fault:
        log.warning("lane_not_looked_through", type=head.type, error=fault)
        return []


async def _carry(parts: WorkerParts, head: Claimed, post: Outgoing) -> Outgoing:
    try:
        async with looking(parts) as conn:
            carries = await digest.carry(conn, head, post.carried)
    except LOOK_FAULTS as fault:
        # nobody knows whether they are taken: the record gives back those that are
        log.warning("digest_not_begun", type=head.type, error=fault)
        return Outgoing(None, post.carried)
    if not carries:
        # somebody has withdrawn one of them, or the lease is lost
        log.info("digest_not_begun", type=head.type)
        return Outgoing(None)
    log.info("digest_begun", type=head.type, deliveries=1 + len(post.carried))
    return post
