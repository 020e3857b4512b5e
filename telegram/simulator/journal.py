"""What was called, what became of it, and the sums."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from telegram.simulator.fault import FaultKind
from telegram.simulator.flood import Violation

LONGEST_JOURNAL = 500_000
"""Calls kept; older ones are forgotten, the counters are not."""
RATE_WINDOW_SECONDS = 1.0


@dataclass(slots=True)
class Call:
    """One call of the Bot API."""

    time: float
    """When it came, in seconds since 1970."""
    method: str
    chat_id: int | None = None
    number: int = 0
    """Its place in the journal, given when the call is done with."""
    decision: str | int | None = None
    """`ok`, or the error's code; None when the connection was dropped before a decision."""
    delivered: bool = False
    held: float = 0.0
    """Seconds the flood model kept it."""
    violation: Violation | None = None
    fault: FaultKind | None = None
    request_id: str | None = None
    """What the client said in `x-request-id`."""

    def as_json(self) -> dict[str, object]:
        """Write the call for the control API."""
        return {
            "number": self.number,
            "time": self.time,
            "method": self.method,
            "chat_id": self.chat_id,
            "decision": self.decision,
            "delivered": self.delivered,
            "held_seconds": round(self.held, 3),
            "violation": self.violation,
            "fault": self.fault,
            "request_id": self.request_id,
        }


@dataclass(slots=True)
class Counters:
    """Sums since the start or the last reset."""

    calls: int = 0
    delivered: int = 0
    """Messages that a chat received."""
    rejected: int = 0
    """Calls answered with an error other than 429."""
    throttled: int = 0
    """Calls answered 429."""
    held: int = 0
    """Messages that the flood model delivered late."""
    violations: int = 0
    """Messages sent over a rate or during a wait."""
    duplicates: int = 0
    """Messages with a text that the chat had received before."""


@dataclass(slots=True)
class Journal:
    """The calls in the order they were done with."""

    counters: Counters = field(default_factory=Counters)
    _calls: deque[Call] = field(default_factory=lambda: deque(maxlen=LONGEST_JOURNAL))
    _delivered_at: deque[float] = field(default_factory=deque)
    _numbers: int = 0

    def note_call(self) -> None:
        """Count a call that has come in."""
        self.counters.calls += 1

    def note_violation(self, call: Call, violation: Violation | None) -> None:
        """Count what the client did wrong."""
        if violation is not None:
            call.violation = violation
            self.counters.violations += 1

    def note_delivery(self, call: Call, now: float, *, repeated: bool) -> None:
        """Count a message that has reached its chat."""
        call.delivered = True
        self.counters.delivered += 1
        self.counters.duplicates += repeated
        self.counters.held += call.held > 0
        self._delivered_at.append(now)
        self._forget(now)

    def close(self, call: Call, decision: str | int | None) -> None:
        """Enter a call that is done with."""
        call.decision = decision
        if decision == 429:
            self.counters.throttled += 1
        elif isinstance(decision, int):
            self.counters.rejected += 1
        self._numbers += 1
        call.number = self._numbers
        self._calls.append(call)

    def after(self, number: int) -> list[Call]:
        """Give the calls with a higher number, oldest first."""
        if not self._calls:
            return []
        return list(islice(self._calls, max(0, number - self._calls[0].number + 1), None))

    def last(self, count: int) -> list[Call]:
        """Give the latest calls, oldest first; the cost is that of `count`, not of the journal."""
        return list(islice(reversed(self._calls), count))[::-1]

    def rate_last_second(self, now: float) -> int:
        """Count the messages delivered within the last second."""
        self._forget(now)
        return len(self._delivered_at)

    def _forget(self, now: float) -> None:
        while self._delivered_at and self._delivered_at[0] <= now - RATE_WINDOW_SECONDS:
            self._delivered_at.popleft()
