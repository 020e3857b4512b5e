"""Vestnik's own events: what only a person can mend, told to that person's inbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from outbox.database.connection import Connection

DELIVERY_HELD = "vestnik.delivery_held"
CHAT_REFUSED = "vestnik.chat_refused"
CHAT_DISPLACED = "vestnik.chat_displaced"
"""The treatment and the texts of all stand in `own_catalog.toml`."""


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """An event that Vestnik emits itself."""

    type: str
    recipients: tuple[str, ...]
    payload: Mapping[str, object]
    dedupe_key: str
    """Only the first event with it is written."""


def delivery_held(type: str, operators: Sequence[str], moment: datetime) -> OwnEvent | None:  # noqa: A002 (the word of the contract)
    """Tell the operators that the outcome of a delivery of this type is unknown, once for each type and UTC hour.

    None where there is nobody to tell.
    """
    if not operators:
        return None
    # an outage holds thousands: one notification an hour says as much
    key = f"{DELIVERY_HELD}:{type}:{moment.astimezone(UTC):%Y-%m-%dT%H}"
    return OwnEvent(DELIVERY_HELD, tuple(operators), {"type": type}, key)


def chat_refused(recipient: str, delivery_id: int) -> OwnEvent:
    """Tell a recipient that the bot may not write to their chat any more, once for the delivery that found out."""
    return OwnEvent(CHAT_REFUSED, (recipient,), {}, f"{CHAT_REFUSED}:{delivery_id}")


def chat_displaced(recipient: str, link_id: int) -> OwnEvent:
    """Tell a recipient that their chat belongs to another recipient now, once for the link that ended."""
    return OwnEvent(CHAT_DISPLACED, (recipient,), {}, f"{CHAT_DISPLACED}:{link_id}")


# recipients come as JSON: lists of different lengths make no SQL array
EMIT = """
select outbox.emit(a.type, array(select jsonb_array_elements_text(a.recipients)), a.payload, a.dedupe_key)
from unnest($1::text[], $2::jsonb[], $3::jsonb[], $4::text[]) as a (type, recipients, payload, dedupe_key)
"""


async def emit_all(conn: Connection, events: Sequence[OwnEvent]) -> None:
    """Emit events in the transaction of what they tell about."""
    if not events:
        return
    # in one order: a key waits for the commit of whoever wrote it first, and two who wait for each other are a deadlock
    first = sorted({event.dedupe_key: event for event in reversed(events)}.items())
    await conn.execute(
        EMIT,
        [event.type for _, event in first],
        [event.recipients for _, event in first],
        [dict(event.payload) for _, event in first],
        [key for key, _ in first],
    )
