"""Lines that would come again and again: one for each thing they are about, once in a while."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

EVERY_S = 60.0
MOST = 1_000
"""Things that are remembered; of more than these no line is written before the oldest is forgotten."""


@dataclass(slots=True)
class Seldom:
    """Decides whether to write a line now."""

    clock: Callable[[], float] = time.monotonic
    _written: dict[str, float] = field(default_factory=dict)

    def takes(self, about: str) -> bool:
        """Return whether the last line about this was written over a minute ago, and take it as written now."""
        now = self.clock()
        # the oldest come first
        while self._written and now - self._written[oldest := next(iter(self._written))] >= EVERY_S:
            del self._written[oldest]
        if about in self._written or len(self._written) >= MOST:
            return False
        self._written[about] = now
        return True
