"""The recorder: writes the ends of attempts, many in one transaction, and counts them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from health import get_logger
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Reason, Retry, Snooze, Unknown
from outbox.delivery.state import State
from outbox.lane.lane_claim import Claimed
from outbox.recording import record
from outbox.recording.record import Finish, LinkMoves, Recorded
from workers.delivery.decide import log_end
from workers.delivery.log_fields import subject_of
from workers.process.postgres_retry import Backoff, PostgresOutOfReachError, watching_postgres
from workers.wiring.worker_parts import WorkerParts

log = get_logger()

LARGEST = 500
"""Attempts ended in one transaction; one may end dozens of deliveries."""


class Recorder:
    """Takes the ends of attempts and writes whatever has come together since the last write.

    While PostgreSQL is away it tries on: a lease that ends meanwhile loses the write, and only then.
    """

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._waiting: asyncio.Queue[tuple[Sequence[Finish], asyncio.Future[None]]] = asyncio.Queue()
        self._left = Counter[int]()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; the caller waits for its own records first."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def expect(self, claimed: Sequence[Claimed]) -> None:
        """Say what has been claimed: a run is over when the ends of all its attempts are written."""
        self._left.update(one.token for one in claimed)

    async def record(self, finishes: Sequence[Finish]) -> None:
        """Write the end of one attempt, in one transaction for all that it carried; return when it is written."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((finishes, written))
        await written

    async def _run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty() and len(batch) < LARGEST:
                batch.append(self._waiting.get_nowait())
            finishes = [finish for ends, _ in batch for finish in ends]
            try:
                count(self._parts, finishes, await self._write(finishes))
            except Exception as fault:
                # the leases end by themselves, and then the attempts count as unknown
                log.error("attempts_unrecorded", count=len(batch), exc_info=fault)
            for _, written in batch:
                if not written.done():  # its attempt may have been broken off
                    written.set_result(None)
            # their lanes may be due again
            self._parts.lanes_waiting.set()

    async def _write(self, finishes: Sequence[Finish]) -> Recorded:
        backoff = Backoff()
        ended = Counter(token for token, _ in {(f.claimed.token, f.claimed.lane_id) for f in finishes})
        over = [token for token, count in ended.items() if self._left[token] == count]
        while True:
            try:
                async with watching_postgres(self._parts.health), self._parts.pool.acquire() as conn:
                    recorded = await record.record(conn, finishes, over)
                break
            except (PostgresOutOfReachError, asyncpg.TransactionRollbackError, asyncpg.QueryCanceledError):
                # away, or chosen as the victim of a deadlock or a time-out: nothing was written
                await backoff.wait()
        self._left.subtract(ended)
        for token in over:
            del self._left[token]
        return recorded


def count(parts: WorkerParts, finishes: Sequence[Finish], recorded: Recorded) -> None:
    """Put what was written into counters and metrics."""
    metrics, counters, channel = parts.metrics, parts.health.counters, Channel.TELEGRAM
    for finish in finishes:
        if finish.claimed.delivery_id not in recorded.won:
            metrics.lease_lost.inc()
            # whoever has the lease now records the delivery
            log.warning("lease_lost", **subject_of(finish.claimed))
            continue
        log_end(finish, parts.sample)
        outcome, decision = finish.outcome, finish.decision
        metrics.delivery(channel, type(outcome).__name__.lower(), decision.reason or "").inc()
        if decision.possible_duplicate:
            metrics.possible_duplicates.labels(channel).inc()
        match decision.state:
            case State.SENT:
                counters.sent += 1
                latency = (datetime.now(UTC) - finish.claimed.emitted_at).total_seconds()
                metrics.delivery_latency(channel).observe(max(0.0, latency))
            case State.DEAD:
                counters.dead += 1
                parts.health.fail(decision.reason or "")
        if isinstance(outcome, Retry | Snooze) and decision.reason is not Reason.QUIET_HOURS:
            counters.retried += 1
        if isinstance(outcome, Unknown):
            counters.unknown += 1
    metrics.limiter_denied.labels("chat").inc(recorded.paced)
    _log_links(recorded.links)


def _log_links(links: LinkMoves) -> None:
    for reason, number in links.skipped.items():
        log.info("deliveries_skipped", reason=reason, count=number)
    for state, number in links.closed.items():
        log.info("links_closed", state=state, count=number)
    if links.restored:
        log.warning("links_restored", count=links.restored)
    if links.migrated:
        log.info("links_migrated", count=links.migrated)
    if links.displaced:
        log.info("links_displaced", count=links.displaced)
    if links.opened:
        log.info("links_opened", count=links.opened)
