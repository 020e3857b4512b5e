"""Folding: what follows a lane's head goes in one message with it, where there is much of it."""

from health import get_logger
from outbox.delivery.outcome import Reason
from outbox.lane import digest
from outbox.lane.lane_claim import Claimed
from telegram.digest_message import MOST_LINES, compose_digest
from workers.delivery.outgoing import LOOK_FAULTS, Post, looking
from workers.wiring.worker_parts import Parts

log = get_logger()


async def fold(parts: Parts, head: Claimed) -> Post | None:
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
    return None if listed is None else await _carry(parts, head, Post(listed.message, tuple(run[1 : listed.count])))


async def _following(parts: Parts, head: Claimed, types: frozenset[str]) -> list[Claimed]:
    limit = max(parts.settings.digest_over, MOST_LINES - 1)
    try:
        async with looking(parts) as conn:
            return await digest.following(conn, head, types, limit, MOST_LINES - 1)
    except LOOK_FAULTS as fault:
        log.warning("lane_not_looked_through", type=head.type, error=fault)
        return []


async def _carry(parts: Parts, head: Claimed, post: Post) -> Post:
    try:
        async with looking(parts) as conn:
            carries = await digest.carry(conn, head, post.carried)
    except LOOK_FAULTS as fault:
        # nobody knows whether they are taken: the record gives back those that are
        log.warning("digest_not_begun", type=head.type, error=fault)
        return Post(None, post.carried)
    if not carries:
        # somebody has withdrawn one of them, or the lease is lost
        log.info("digest_not_begun", type=head.type)
        return Post(None)
    log.info("digest_begun", type=head.type, deliveries=1 + len(post.carried))
    return post
