"""How long sends take: Telegram holds messages back before it refuses them, and that shows here first."""

from collections import deque

SENDS = 40
"""The newest sends that are looked at."""
SLOW_SECONDS = 3.0
SLOW_SHARE = 0.05
"""More slow ones than this: the 95th percentile lies over `SLOW_SECONDS`."""


class SendTimes:
    """Remember the newest sends of one process."""

    def __init__(self) -> None:
        self._slow: deque[bool] = deque(maxlen=SENDS)

    def add(self, seconds: float) -> bool:
        """Add a send; tell whether together they are an early sign of throttling, and then begin anew."""
        self._slow.append(seconds > SLOW_SECONDS)
        throttled = len(self._slow) == SENDS and self._slow.count(True) > SLOW_SHARE * SENDS
        if throttled:
            self._slow.clear()
        return throttled
