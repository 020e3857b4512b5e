"""Exit codes: what a command tells whoever started it."""

from enum import IntEnum


class Exit(IntEnum):
    """How a run of the worker went; other commands use the first three."""

    DONE = 0
    """All that was due is delivered."""
    WRONG_SETTINGS = 1
    """Nothing was begun."""
    OUT_OF_REACH = 2
    """PostgreSQL, Redis or Telegram did not answer."""
    DIED = 3
    """Something became a dead letter in this run."""
