"""The rate at which one caller may ask: GCRA, in this process's memory."""

from dataclasses import dataclass, field

MOST_CALLERS = 100_000
"""Callers that are remembered; who has not asked for the longest is forgotten first."""


@dataclass(slots=True)
class Rate:
    """So many requests per second for each caller, with a burst."""

    per_second: float
    burst: int
    _free_at: dict[str, float] = field(default_factory=dict)
    """When each caller's last request is paid off, in seconds of the caller's clock."""

    def take(self, caller: str, now: float) -> float:
        """Count one request at `now` (monotonic seconds); return the seconds it came too early, or 0."""
        interval = 1 / self.per_second
        paid = max(self._free_at.pop(caller, now), now)
        early = paid + interval - now - self.burst * interval
        # one that is refused costs nothing; rounding is no reason to refuse
        self._free_at[caller] = paid if early > 1e-9 else paid + interval
        if len(self._free_at) > MOST_CALLERS:
            del self._free_at[next(iter(self._free_at))]
        return early if early > 1e-9 else 0.0
