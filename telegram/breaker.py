"""The breaker: tells an outage of Telegram from the trouble of one message."""

TRIP_AFTER = 3
"""Failures in a row, of whatever messages, that are taken for an outage."""


class Breaker:
    """Count one process's failures since Telegram has last answered.

    The pause that follows a trip is shared by all workers: see `Pacer.trip`.
    """

    def __init__(self) -> None:
        self._failures = 0

    def answered(self) -> None:
        """Note an answer of Telegram's, whatever it says."""
        self._failures = 0

    def failed(self) -> None:
        """Note that Telegram could not be reached, or has not answered."""
        self._failures += 1

    def trip(self) -> None:
        """Note a failure that alone means an outage: that of a message which tried for all."""
        self._failures = max(self._failures + 1, TRIP_AFTER)

    @property
    def tripped(self) -> bool:
        """Tell whether the failures in a row mean an outage."""
        return self._failures >= TRIP_AFTER

    @property
    def alone(self) -> bool:
        """Tell whether the last failure came between answers: then the fault may be the message's."""
        return self._failures == 1
