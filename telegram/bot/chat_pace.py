"""How fast the bot answers in one chat: as fast as Telegram lets a chat be written to."""

from dataclasses import dataclass, field

BURST = 3
MOST_CHATS = 10_000
"""Beyond this, chats that could be written to at once are forgotten."""


@dataclass(slots=True)
class ChatPace:
    """The pace of this process's answers; times are seconds of a monotonic clock."""

    chat_rate: float
    """Messages per second in a private chat."""
    group_rate: float
    """The same in a group."""
    _due: dict[int, float] = field(default_factory=dict)
    """When each chat would have had its last message at an even pace."""

    def take(self, chat_id: int, now: float) -> float:
        """Take the next place in a chat; say how many seconds to wait for it."""
        interval = 1 / (self.chat_rate if chat_id > 0 else self.group_rate)
        due = max(self._due.get(chat_id, now), now)
        self._due[chat_id] = due + interval
        if len(self._due) > MOST_CHATS:
            self._due = {chat: then for chat, then in self._due.items() if then > now}
        return max(0.0, due - now - (BURST - 1) * interval)
