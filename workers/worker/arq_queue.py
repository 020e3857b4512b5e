"""Arq: the functions, a queue for each worker process, and the keeper that keeps its slices running.

Each process feeds a queue of its own; the work itself is shared by row locks in PostgreSQL. So nothing in Redis
has to survive: whatever is flushed is put there again.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from arq.connections import ArqRedis
from arq.worker import Function, func
from redis.exceptions import RedisError

from health import Check, CheckName, Status, get_logger
from workers.process.postgres_retry import Backoff, wait_for
from workers.process.redis_client import connections, why
from workers.slices.deliver import Deliverer
from workers.slices.maintain import maintain_slice
from workers.slices.relay import relay_slice
from workers.slices.time_slice import LENGTH, Slice
from workers.wiring.worker_parts import WorkerParts
from workers.worker.arq_worker import ArqWorker

log = get_logger()

Context = dict[str, Any]

JOB_TIMEOUT = LENGTH + timedelta(seconds=60)
"""A slice ends by itself; this is for one that hangs."""
ONCE_TIMEOUT = timedelta(days=7)
"""A slice of `--once` goes on for as long as anything is due: cut off, it would leave the rest and call it done."""

POLL_S = 0.5
POLL_ONCE_S = 0.02
"""With `--once`: the run ends when Arq sees that nothing is left."""
BEAT_S = 0.5
LEAD = timedelta(seconds=2)
"""How long before the end of a slice the next one is enqueued."""

LOST_AFTER_S = 1.0
"""A job that has not begun this long after it was enqueued is taken for lost, and enqueued again."""

QUEUE_LIVES_S = 120
"""What a dead worker leaves in Redis goes away by itself."""


def write_job(job: dict[str, Any]) -> bytes:
    """Write a job as JSON: pickle would let whoever can write to Redis run code here."""
    return json.dumps(job).encode()


def read_job(data: bytes) -> dict[str, Any]:
    """Read what `write_job` wrote."""
    job: dict[str, Any] = json.loads(data)
    return job


KINDS = ("relay", "deliver", "maintain")

Slices = Mapping[str, Callable[[Slice], Coroutine[Any, Any, None]]]
"""What one slice of each kind does."""


def slices_of(parts: WorkerParts, deliverer: Deliverer) -> Slices:
    """Bind each kind of slice to the process's parts."""
    return {
        "relay": partial(relay_slice, parts),
        "deliver": deliverer.slice,
        "maintain": partial(maintain_slice, parts),
    }


class RunningSlices:
    """Which slices of this process run, and which have been enqueued.

    The next slice of a kind is enqueued before the running one ends and waits for it here, so that Arq's polling
    makes no gap between the two.
    """

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._enqueued: dict[str, float] = {}
        self._turns = {kind: asyncio.Lock() for kind in KINDS}
        self._waiting: set[str] = set()
        self.idle = asyncio.Event()
        """Set while no slice runs."""
        self.idle.set()

    @asynccontextmanager
    async def turn(self, kind: str) -> AsyncIterator[bool]:
        """Run one slice of a kind at a time; false for a third one, which is not wanted."""
        if kind in self._waiting:
            yield False
            return
        self._waiting.add(kind)
        self._enqueued.pop(kind, None)
        try:
            await self._turns[kind].acquire()
        finally:
            self._waiting.discard(kind)
        self._began[kind] = time.monotonic()
        self.idle.clear()
        try:
            yield True
        finally:
            self._turns[kind].release()
            self._began.pop(kind)
            if not self._began:
                self.idle.set()

    def wants(self, kind: str) -> bool:
        """Tell whether a slice of this kind should be enqueued now, and if so take that as done."""
        now = time.monotonic()
        began = self._began.get(kind)
        early = began is not None and now - began < (LENGTH - LEAD).total_seconds()
        recent = now - self._enqueued.get(kind, -LOST_AFTER_S) < LOST_AFTER_S
        if early or recent or kind in self._waiting:
            return False
        self._enqueued[kind] = now
        return True


def _function(kind: str, timeout: timedelta) -> Function:
    async def run(ctx: Context, *, once: bool = False) -> None:
        running: RunningSlices = ctx["running"]
        slices: Slices = ctx["slices"]
        async with running.turn(kind) as mine:
            if not mine:
                return
            try:
                await slices[kind](Slice(ctx["parts"], once=once))
            except Exception as fault:
                log.error("slice_failed", job=kind, exc_info=fault)
                raise

    return func(run, name=kind, keep_result=0, timeout=timeout, max_tries=1)


def open_queue(parts: WorkerParts) -> ArqRedis:
    """Make the Redis client through which jobs are written and read; it connects when it is first used."""
    return ArqRedis(
        connections(parts.settings),
        job_serializer=write_job,
        job_deserializer=read_job,
        default_queue_name=queue_name(parts),
    )


def make_worker(
    parts: WorkerParts, slices: Slices, running: RunningSlices, redis: ArqRedis, *, burst: bool
) -> ArqWorker:
    """Make the Arq worker of this process."""
    # every poll and every job would be a line; the slices log what matters
    logging.getLogger("arq").setLevel(logging.ERROR)
    timeout = ONCE_TIMEOUT if burst else JOB_TIMEOUT
    return ArqWorker(
        [_function(kind, timeout) for kind in KINDS],
        queue_name=queue_name(parts),
        redis_pool=redis,
        burst=burst,
        handle_signals=False,
        max_jobs=2 * len(KINDS),
        job_timeout=timeout,
        keep_result=0,
        poll_delay=POLL_ONCE_S if burst else POLL_S,
        max_tries=1,
        retry_jobs=False,
        health_check_interval=QUEUE_LIVES_S,
        ctx={"parts": parts, "slices": slices, "running": running},
        job_serializer=write_job,
        job_deserializer=read_job,
        log_results=False,
    )


def queue_name(parts: WorkerParts) -> str:
    """Name this process's own queue."""
    return f"vestnik:queue:{parts.settings.instance}"


async def keep_slices(parts: WorkerParts, running: RunningSlices, redis: ArqRedis) -> None:
    """Enqueue a slice of each kind whenever none runs, until the process stops."""
    backoff = Backoff()
    while not parts.stopping.is_set():
        try:
            asked = time.monotonic()
            await redis.ping()
            latency_ms = (time.monotonic() - asked) * 1000
            for kind in KINDS:
                if running.wants(kind):
                    await enqueue(parts, redis, kind)
            backoff.reset()
        except (RedisError, OSError, TimeoutError) as fault:
            parts.health.record(CheckName.REDIS, Check(Status.UNHEALTHY, f"{why(fault)}: nothing is sent"))
            await backoff.wait()
        else:
            parts.health.record(CheckName.REDIS, Check(Status.OK, "answers", latency_ms))
            await wait_for(parts.stopping, BEAT_S)


async def enqueue(parts: WorkerParts, redis: ArqRedis, kind: str, *, once: bool = False) -> None:
    """Put one slice into this process's queue."""
    name = queue_name(parts)
    await redis.enqueue_job(kind, once=once, _queue_name=name, _expires=timedelta(seconds=QUEUE_LIVES_S))
    await redis.expire(name, QUEUE_LIVES_S)
