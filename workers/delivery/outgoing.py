"""What one attempt sends: the message of its delivery, new or as an edit, or one that lists many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from health import get_logger
from outbox.database.connection import Connection
from outbox.delivery.outcome import Delivered, Reason, Snooze
from outbox.event_log import payload
from outbox.lane.lane_claim import Claimed
from outbox.recording import live_message
from outbox.recording.live_message import LiveMessage
from telegram import Sender, Verdict
from telegram.message import Message, compose
from workers.process.postgres_retry import OUT_OF_REACH
from workers.wiring.worker_parts import WorkerParts

log = get_logger()

LOOK_WITHIN_S = 1.0
"""How long PostgreSQL may take to say what to edit or what follows: the lease has to last for the send, too."""
LOOK_FAULTS = (*OUT_OF_REACH, asyncpg.PostgresError)
"""What that can come to; the message goes all the same."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, and whom it carries."""

    message: Message | None
    """None: it came to nothing before it was sent."""
    carried: tuple[Claimed, ...] = ()
    """Deliveries that it lists besides the lane's head."""
    live_key: str | None = None
    """By this later events find it."""
    edits: int | None = None
    """The message that it takes the place of."""

    async def send(self, sender: Sender, claimed: Claimed, chat_id: int, *, silent: bool) -> Verdict:
        """Make the one attempt."""
        if self.message is None:
            return Verdict(Snooze(timedelta(0), Reason.DIGEST), requests=0)
        if self.edits is None:
            return await sender.send(
                chat_id, self.message, thread_id=claimed.thread_id, silent=silent, request_id=claimed.request_id
            )
        return await sender.edit(
            chat_id,
            self.edits,
            self.message,
            thread_id=claimed.thread_id,
            silent=silent,
            request_id=claimed.request_id,
        )

    def live(self, claimed: Claimed, verdict: Verdict) -> LiveMessage | None:
        """Make what later events have to know of a message that went out."""
        chat_id = claimed.chat_id if verdict.migrate_to is None else verdict.migrate_to
        match verdict.outcome:
            case Delivered(message_id=int(number)) if self.live_key is not None and chat_id is not None:
                return LiveMessage(claimed.lane_id, self.live_key, chat_id, number)
            case _:
                return None


async def write(parts: WorkerParts, claimed: Claimed) -> Outgoing:
    """Compose the message of one delivery.

    Raises:
        TemplateFault, PayloadError: the type's texts cannot be rendered with this payload.

    """
    fields = payload.read(claimed.payload)
    message = compose(parts.catalog, claimed.type, claimed.locale, fields)
    key = parts.catalog.collapse_key(claimed.type, fields)
    if key is None:
        return Outgoing(message)
    # an edit cannot protect what went out unprotected: the two are never one message
    known = parts.catalog.types[claimed.type]
    own_key = f"{'protected' if known.sensitive else 'open'}:{key}"
    return Outgoing(message, live_key=own_key, edits=await _find(parts, claimed, own_key, known.collapse_within))


async def _find(parts: WorkerParts, claimed: Claimed, key: str, within: timedelta) -> int | None:
    if claimed.chat_id is None:
        return None
    try:
        async with looking(parts) as conn:
            return await live_message.find(conn, claimed.lane_id, key, claimed.chat_id, within)
    except LOOK_FAULTS as fault:
        # a second message is better than none
        log.warning("live_message_not_looked_up", type=claimed.type, error=fault)
        return None


@asynccontextmanager
async def looking(parts: WorkerParts) -> AsyncIterator[Connection]:
    """Ask PostgreSQL before a message goes, with little patience.

    Raises:
        LOOK_FAULTS: it did not answer, or not in time.

    """
    async with asyncio.timeout(LOOK_WITHIN_S), parts.pool.acquire() as conn:
        yield conn
