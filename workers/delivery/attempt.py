"""One attempt at one delivery: render, send, judge, decide."""

from datetime import timedelta
from functools import partial

from health import About, get_logger
from outbox.catalog.text import TemplateFault
from outbox.delivery.outcome import Reason, Reject, Retry, Snooze, Unknown
from outbox.event_log.payload import PayloadError
from outbox.lane.lane_claim import Claimed
from outbox.recording.record import Finish
from telegram import Verdict
from workers.delivery.decide import decide_for, end_carried, own_events, refused_as_digest
from workers.delivery.delivery_span import of_attempt, tell_attempt
from workers.delivery.digest_builder import fold
from workers.delivery.log_fields import subject_of
from workers.delivery.outgoing import Outgoing, write
from workers.delivery.quiet_check import quiet_for
from workers.wiring.worker_parts import WorkerParts

log = get_logger()

NOTHING = Outgoing(None)

CHAT_BURST = 3
"""Messages that a private chat takes at once after a pause."""


async def attempt(parts: WorkerParts, claimed: Claimed, *, probe: bool = False) -> list[Finish]:
    """Make one attempt and decide what follows from it; a fault of our own is an outcome too.

    The head's end comes first, then those of what its message carried. `probe`: it is the one attempt that tries
    whether an opened gate holds.
    """
    with About(partial(subject_of, claimed)), of_attempt(parts.spans, claimed) as span:
        sent, post = await _send(parts, claimed)
        verdict = await parts.bot.heed(claimed, sent, probe=probe)
        if post.carried:
            verdict = refused_as_digest(verdict)
        decision = decide_for(parts, claimed, verdict.outcome)
        if verdict.degraded is not None:
            parts.metrics.messages_degraded.labels(claimed.type, verdict.degraded).inc()
            log.warning("message_degraded", type=claimed.type, part=verdict.degraded)
        tell_attempt(span, verdict.outcome, decision, post.carried)
    end = Finish(
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
        live=post.live(claimed, verdict),
    )
    return [end, *(end_carried(parts, one, verdict) for one in post.carried)]


def _needless(parts: WorkerParts, claimed: Claimed) -> Reason | None:
    """Say why nothing has to be sent any more."""
    if claimed.expires_at is not None and claimed.claimed_at >= claimed.expires_at:
        return Reason.EXPIRED
    return None if claimed.type in parts.catalog.types else Reason.UNROUTED


async def _send(parts: WorkerParts, claimed: Claimed) -> tuple[Verdict, Outgoing]:
    needless = _needless(parts, claimed)
    if needless is not None or claimed.chat_id is None:
        return Verdict(Reject(needless or Reason.NO_LINK), requests=0), NOTHING
    quiet = quiet_for(parts.catalog, claimed)
    if quiet.hold is not None:
        return Verdict(Snooze(quiet.hold, Reason.QUIET_HOURS), requests=0), NOTHING
    try:
        post = await fold(parts, claimed) or await write(parts, claimed)
    except (TemplateFault, PayloadError) as fault:
        log.warning("template_failed", type=claimed.type, error=fault)
        return Verdict(Reject(Reason.TEMPLATE), requests=0), NOTHING
    except Exception as fault:
        log.error("message_failed", type=claimed.type, exc_info=fault)
        return Verdict(Retry(Reason.INTERNAL), requests=0), NOTHING
    try:
        return await post.send(parts.sender, claimed, claimed.chat_id, silent=quiet.silent), post
    except Exception as fault:
        log.error("send_failed", type=claimed.type, exc_info=fault)
        return Verdict(Unknown(Reason.INTERNAL)), post


def _pace(parts: WorkerParts, claimed: Claimed) -> timedelta:
    if parts.settings.paid_broadcast:
        return timedelta(0)
    group = claimed.chat_id is not None and claimed.chat_id < 0
    per_second = parts.settings.group_rate_per_minute / 60 if group else parts.settings.chat_rate
    return timedelta(seconds=1 / per_second)
