"""Whether a linked chat can be written to: the words for it, as rows, logs and metrics have them."""

from enum import StrEnum


class LinkState(StrEnum):
    """Whether a linked chat can be written to."""

    ACTIVE = "active"
    """Messages go out."""
    BLOCKED = "blocked"
    """The person has blocked the bot; unblocking resumes."""
    UNREACHABLE = "unreachable"
    """The chat is gone, or its owner is deactivated or never started the bot."""
    SUSPENDED = "suspended"
    """Telegram has refused the chat for long, or the bot lost its rights."""
