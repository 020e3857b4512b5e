"""The lookout: what gauges show is looked at once for all workers, by whichever of them has the turn."""

from dataclasses import asdict, dataclass, field
from datetime import timedelta

from outbox.database.connection import Connection
from outbox.monitoring import gauge, leader
from outbox.monitoring.gauge import Gauge
from outbox.monitoring.leader import Content, Term
from workers.maintenance import unread_audit
from workers.maintenance.unread_audit import AuditRound, UnreadAudit

EVERY = timedelta(seconds=1)
AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Reading:
    """What this worker shows."""

    gauge: Gauge
    drift: AuditRound
    age: float | None
    """Seconds since somebody has looked; None: nobody has yet."""


@dataclass(slots=True)
class GaugeLeader:
    """Takes this worker's turns."""

    drift_watch: UnreadAudit = field(default_factory=UnreadAudit)

    async def step(self, conn: Connection, *, at_once: bool) -> Reading:
        """Look, if it is time and nobody else does, or at once; tell what the newest look has found."""
        taken = await leader.take(conn, AT_ONCE if at_once else EVERY)
        if taken is not None:
            await leader.end(conn, taken, await self._look(conn, taken))
        seen = await leader.read(conn)
        return Reading(_gauge(seen.content), _round(seen.content), seen.age)

    async def _look(self, conn: Connection, taken: Term) -> Content:
        seen = await gauge.look(conn, _gauge(taken.before), taken.now)
        compared = await self.drift_watch.step(conn, _round(taken.before), taken.now)
        return {"gauge": asdict(seen), "drift": asdict(compared)}


def _gauge(content: Content) -> Gauge:
    return gauge.of(content.get("gauge", {}))


def _round(content: Content) -> AuditRound:
    return unread_audit.of(content.get("drift", {}))
