"""Events: the application emits them over HTTP."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import asyncpg
from fastapi import APIRouter, Body, Header
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from health import get_logger
from inapp.api import request_id, trace
from inapp.api.access import ApplicationOnly, World
from inapp.api.envelope import Answer, Model, answer, responses
from inapp.api.error import ApiError, Code
from outbox.database.connection import Connection
from outbox.error import InvalidEventError
from outbox.event_log import event, traceparent

log = get_logger()
router = APIRouter(prefix="/api/outbox", tags=["outbox"], dependencies=[ApplicationOnly])

MOST = 500
"""Events of one request."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _written_out(given: object) -> object:
    """Let no bare number pass for a time: seconds and milliseconds look alike."""
    if given is not None and not (isinstance(given, str) and TIME.match(given)):
        raise ValueError("write the time as RFC 3339, with its zone")
    return given


def _in_time(given: datetime) -> datetime:
    """Bring a time to UTC: a zone can take one beyond the years that there are."""
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such time") from None


Key = Annotated[str, Field(min_length=1, max_length=500)]
Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_out), AfterValidator(_in_time)]


class NewEvent(Model):
    """One event: the arguments of `outbox.emit`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Annotated[str, Field(max_length=200)]
    recipients: list[Annotated[str, Field(max_length=500)]]
    payload: dict[str, Any] = Field(default_factory=dict)
    dedupe_key: Key | None = None
    """The same key again writes nothing and gives the first event's id."""
    request_id: Annotated[str, Field(max_length=200)] | None = None
    """The HTTP request's id by default."""
    deliver_at: Time | None = None
    expires_at: Time | None = None


class NewEvents(Model):
    """Several events: all of them or none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: Annotated[list[NewEvent], Field(min_length=1, max_length=MOST)]


def _kind(given: object) -> str:
    # a body that is checked has become a model
    return "<several>" if isinstance(given, NewEvents) or (isinstance(given, dict) and "events" in given) else "<one>"


Emission: TypeAlias = Annotated[
    Annotated[NewEvent, Tag("<one>")] | Annotated[NewEvents, Tag("<several>")], Discriminator(_kind)
]


class Emitted(Model):
    """Events that are in the log."""

    ids: list[int]
    """In the order in which the events were given."""


@router.post("/events", summary="Emit one event or several", responses=responses(Code.UNAUTHORIZED))
async def emit(
    given: Annotated[Emission, Body()],
    world: World,
    idempotency_key: Annotated[Key | None, Header(description="The dedupe key of one event.")] = None,
) -> Answer[Emitted]:
    """Write events in one transaction: all of them or none."""
    if isinstance(given, NewEvents):
        if idempotency_key is not None:
            raise ApiError(
                Code.VALIDATION_ERROR, "Idempotency-Key is for one event: give each of several its dedupeKey"
            )
        ids = await _emit(world, given.events, "events[{}]: ")
    else:
        ids = await _emit(world, [_keyed(given, idempotency_key)], "")
    return answer(Emitted(ids=ids))


def _keyed(one: NewEvent, key: str | None) -> NewEvent:
    """Give an event the key of the header.

    Raises:
        ApiError: it has another one.

    """
    if key is None or one.dedupe_key == key:
        return one
    if one.dedupe_key is not None:
        raise ApiError(Code.VALIDATION_ERROR, "Idempotency-Key and dedupeKey differ")
    return one.model_copy(update={"dedupe_key": key})


async def _emit(world: World, events: Sequence[NewEvent], place: str) -> list[int]:
    try:
        async with world.pool.acquire() as conn, conn.transaction():
            if (place_in_trace := trace.current()) is not None:
                await traceparent.bind(conn, place_in_trace)
            ids = [await _emit_one(conn, one, place.format(index)) for index, one in enumerate(events)]
            # without a key an event is new
            new = await event.written(conn, ids) if any(one.dedupe_key for one in events) else ids
    except asyncpg.DeadlockDetectedError:
        raise ApiError(
            Code.UNAVAILABLE, "another transaction emits events with the same dedupe keys: try again", retry_after=1
        ) from None
    if new and world.sample.takes(request_id.current()):
        log.info("events_emitted", count=len(new), **world.sample.mark)
    return ids


async def _emit_one(conn: Connection, one: NewEvent, place: str) -> int:
    arguments = {**dict(one), "request_id": one.request_id or request_id.current()}
    try:
        return await event.emit(conn, **arguments)
    except InvalidEventError as refused:
        raise ApiError(Code.VALIDATION_ERROR, place + str(refused).removeprefix("outbox.emit: ")) from None
    except RecursionError:
        raise ApiError(Code.VALIDATION_ERROR, f"{place}payload is nested too deep") from None
