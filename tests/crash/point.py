"""Where in its work a worker dies."""

from enum import StrEnum


class Point(StrEnum):
    """One place in the way of an event."""

    RELAYED = "relayed"
    """The relay has written everything of its batch and has not committed."""
    CLAIMED = "claimed"
    """Lanes are claimed, and nothing has been done with them."""
    BEFORE_REQUEST = "before_request"
    """The message is rendered; no byte of it has left the machine."""
    REACHED = "reached"
    """The message has been delivered, and no answer to it has come back."""
    ANSWERED = "answered"
    """The answer has come, and nothing about it is recorded."""
    RECORDED = "recorded"
    """The record is committed, and nothing after it has run."""
