"""The lookout: what gauges show is looked at once for all workers, by whichever of them has the turn."""

from dataclasses import asdict, dataclass, field
from datetime import timedelta

from outbox import gauge, turn
from outbox.database import Connection
from outbox.gauge import Gauge
from outbox.turn import Content, Turn
from workers import drift_watch
from workers.drift_watch import DriftWatch, Round

EVERY = timedelta(seconds=1)
AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What this worker shows."""

    gauge: Gauge
    drift: Round
    age: float | None
    """Seconds since somebody has looked; None: nobody has yet."""


@dataclass(slots=True)
class Lookout:
    """Takes this worker's turns."""

    drift_watch: DriftWatch = field(default_factory=DriftWatch)

    async def step(self, conn: Connection, *, at_once: bool) -> Seen:
        """Look, if it is time and nobody else does, or at once; tell what the newest look has found."""
        taken = await turn.take(conn, AT_ONCE if at_once else EVERY)
        if taken is not None:
            await turn.end(conn, taken, await self._look(conn, taken))
        seen = await turn.read(conn)
        return Seen(_gauge(seen.content), _round(seen.content), seen.age)

    async def _look(self, conn: Connection, taken: Turn) -> Content:
        seen = await gauge.look(conn, _gauge(taken.before), taken.now)
        compared = await self.drift_watch.step(conn, _round(taken.before), taken.now)
        return {"gauge": asdict(seen), "drift": asdict(compared)}


def _gauge(content: Content) -> Gauge:
    return gauge.of(content.get("gauge", {}))


def _round(content: Content) -> Round:
    return drift_watch.of(content.get("drift", {}))
