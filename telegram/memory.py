"""What one worker remembers of the limiter, so that a Redis that has forgotten it learns it again."""

from dataclasses import dataclass

MICRO = 1_000_000


@dataclass(slots=True)
class Memory:
    """The last state that a worker has seen; times (µs) are its own clock's, not Redis's."""

    configured: int
    """The rate of the settings (millionths of a message per second)."""
    rate: int
    """The rate last seen."""
    name: int = 0
    """Of the state in Redis; 0 where this worker knows what Redis does not."""
    gate_ends: int = 0
    unproved: bool = False
    """No probe has had a clean answer since the gate was closed."""

    def told(self, now: int) -> tuple[int, int, int, int]:
        """Give what the script is told with each call: name, gate (µs still to wait), rate (0: not cut), unproved."""
        gate = max(0, self.gate_ends - now)
        return self.name, gate, self.rate if self.rate < self.configured else 0, int(self.unproved)

    def learn(self, now: int, name: int, gate: int, rate: int, *, unproved: bool) -> None:
        """Take over what the script has answered to a question asked at `now`."""
        self.name, self.rate, self.unproved = name, rate, unproved
        if gate > 0:
            self.gate_ends = max(self.gate_ends, now + gate)

    def close_gate(self, now: int, delay: int, *, halve: bool = False) -> None:
        """Hold to a gate that Redis could not be told of, and tell it with the next call."""
        if halve and self.gate_ends <= now:
            self.rate = max(min(self.configured, MICRO), self.rate // 2)
        self.gate_ends = max(self.gate_ends, now + delay)
        self.unproved = True
        self.name = 0
