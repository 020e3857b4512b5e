"""A slice of work: the time for which one Arq job goes on with its loop."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from workers.wiring.worker_parts import WorkerParts

LENGTH = timedelta(seconds=30)
"""Long, because between two slices Arq's polling lies; a slice ends early when the process stops."""


@dataclass(slots=True)
class Slice:
    """How long a loop goes on."""

    parts: WorkerParts
    once: bool = False
    """Until nothing is due, instead of for a time."""
    length: timedelta = LENGTH
    _began: float = field(default_factory=time.monotonic)

    @property
    def goes_on(self) -> bool:
        """Tell whether something new may be begun."""
        if self.parts.stopping.is_set():
            return False
        return self.once or time.monotonic() - self._began < self.length.total_seconds()
