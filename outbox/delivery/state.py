"""The delivery's state machine as data; the CHECK constraint, the document and the tests are held equal to it."""

from enum import StrEnum


class State(StrEnum):
    """Where one delivery stands."""

    PENDING = "pending"
    """Waits in its lane."""
    SENDING = "sending"
    """Claimed by a worker under a lease."""
    SENT = "sent"
    """Taken by the channel. Final."""
    SKIPPED = "skipped"
    """Not to be sent, with a reason: no link, muted, blocked, discarded. Final."""
    EXPIRED = "expired"
    """Its time to live ended first. Final."""
    DEAD = "dead"
    """A dead letter: will not be tried again by itself."""
    UNKNOWN = "unknown"
    """Nobody can say whether it arrived, and its type must not arrive twice: an operator decides."""


BORN = frozenset({State.PENDING, State.SKIPPED})

MOVES: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.SENDING, State.SKIPPED, State.EXPIRED}),
    State.SENDING: frozenset({State.PENDING, State.SENT, State.DEAD, State.UNKNOWN, State.EXPIRED, State.SKIPPED}),
    State.DEAD: frozenset({State.PENDING, State.SKIPPED}),
    State.UNKNOWN: frozenset({State.PENDING, State.SENT}),
    State.SENT: frozenset(),
    State.SKIPPED: frozenset(),
    State.EXPIRED: frozenset(),
}
