"""Consumers: named readers of the event log, in any language."""

import asyncio
import json
import time
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, ConfigDict, Field

from health import get_logger
from inapp.api.access import ApplicationOnly, World
from inapp.api.dependencies import Dependencies
from inapp.api.envelope import Answer, Model, answer, responses
from inapp.api.error import ApiError, Code
from outbox.cursor import consumer
from outbox.cursor.consumer import Handed, Start
from outbox.cursor.snapshot_cursor import RELAY
from outbox.error import StaleBatchError, UnknownConsumerError

log = get_logger()
router = APIRouter(prefix="/api/outbox", tags=["outbox"], dependencies=[ApplicationOnly])

LOOK_EVERY_S = 0.25
"""How often a pull that waits looks; between two looks it holds no connection."""


def _no_relay(name: str) -> str:
    if name == RELAY:
        raise ValueError("this one is Vestnik's own")
    return name


Name = Annotated[
    str,
    Field(pattern=f"^{consumer.NAME.pattern}$", description="Chosen by the application; every name but `relay`."),
    AfterValidator(_no_relay),
]


class Pull(Model):
    """What a consumer asks for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    consumer: Name
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    """At most so many events; fewer where they would have more than 8 MiB together."""
    lease_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long the events are this caller's alone."""
    from_: Annotated[Literal["start", "now"], Field(alias="from")] = "start"
    """Where to begin; of no effect for a consumer that has pulled before."""
    wait_seconds: Annotated[float, Field(ge=0, le=20)] = 0
    """How long to wait while there is nothing."""


class PulledEvent(Model):
    """An event of the log."""

    id: int
    type: str
    recipients: list[str]
    payload: dict[str, Any]
    request_id: str | None
    traceparent: str | None
    """W3C Trace Context: the trace that the event belongs to."""
    dedupe_key: str | None
    created_at: datetime
    deliver_at: datetime | None
    """Not before this moment is anybody to be told; the event itself comes at once."""
    expires_at: datetime | None


class Pulled(Model):
    """A batch, or none."""

    batch: UUID | None
    """To ack with; null: nothing was handed out."""
    lease_until: datetime | None
    """When the events come again; with no batch, when those of another caller do."""
    events: list[PulledEvent]


class Ack(Model):
    """A batch that was worked off."""

    model_config = ConfigDict(extra="forbid", strict=True)

    consumer: Name
    batch: Annotated[UUID, Field(strict=False)]


class Acked(Model):
    """The cursor stands behind the batch."""

    acked: Literal[True] = True


@router.post(
    "/pull",
    summary="Get the next events of a consumer",
    response_model=Answer[Pulled],
    responses=responses(Code.UNAUTHORIZED),
)
async def pull(order: Pull, request: Request, world: World) -> Response:
    """Hand out what the consumer has not acked, under a lease. An unacked batch comes again, under another id."""
    until = time.monotonic() + order.wait_seconds
    handed = await _pull(world, order)
    while handed.batch is None and time.monotonic() < until:
        await asyncio.sleep(LOOK_EVERY_S)
        # who has hung up would be given events that nobody acks
        if await request.is_disconnected():
            break
        handed = await _pull(world, order)
    if handed.batch is not None:
        log.info("events_handed_out", consumer=order.consumer, count=len(handed.events))
    return _response(handed)


async def _pull(world: Dependencies, order: Pull) -> Handed:
    lease = timedelta(seconds=order.lease_seconds)
    async with world.pool.acquire() as conn:
        return await consumer.pull(conn, order.consumer, order.limit, lease, Start(order.from_))


def _response(handed: Handed) -> Response:
    """Put the events into the envelope as PostgreSQL wrote them: read into Python a number could lose its digits."""
    envelope = answer(Pulled(batch=handed.batch, lease_until=handed.lease_until, events=[])).model_dump(mode="json")
    before, _, behind = json.dumps(envelope, separators=(",", ":")).partition('"events":[]')
    events = ",".join(handed.events)
    return Response(f'{before}"events":[{events}]{behind}', media_type=JSONResponse.media_type)


@router.post("/ack", summary="Ack a batch", responses=responses(Code.UNAUTHORIZED, Code.NOT_FOUND, Code.CONFLICT))
async def ack(order: Ack, world: World) -> Answer[Acked]:
    """Move the consumer behind its newest batch, also after the lease's end. Twice is as good as once."""
    try:
        async with world.pool.acquire() as conn:
            await consumer.ack(conn, order.consumer, order.batch)
    except UnknownConsumerError as fault:
        raise ApiError(Code.NOT_FOUND, str(fault)) from None
    except StaleBatchError as fault:
        raise ApiError(Code.CONFLICT, str(fault)) from None
    log.info("batch_acked", consumer=order.consumer)
    return answer(Acked())
