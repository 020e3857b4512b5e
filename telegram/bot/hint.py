"""/help, and a hint for whoever writes what is no command."""

import time
from dataclasses import dataclass, field

from aiogram.types import Message

from telegram.bot.phrase import Phrase
from telegram.bot.update_context import Replies, UpdateContext

EVERY_S = 60.0
MOST_CHATS = 10_000
"""How many chats are remembered: the eldest are forgotten, and may get a hint sooner."""


@dataclass(slots=True)
class Hints:
    """When each chat has got its last hint."""

    _given: dict[int, float] = field(default_factory=dict)

    def due(self, chat_id: int, now: float) -> bool:
        """Tell whether a chat may get a hint now, and remember it."""
        if now < self._given.get(chat_id, -EVERY_S) + EVERY_S:
            return False
        self._given.pop(chat_id, None)
        self._given[chat_id] = now
        if len(self._given) > MOST_CHATS:
            del self._given[next(iter(self._given))]
        return True


async def explain(_message: Message, visit: UpdateContext) -> Replies:
    """List the commands."""
    return [visit.say(visit.words.html(Phrase.HELP))]


async def give(_message: Message, visit: UpdateContext, hints: Hints) -> Replies:
    """Say that only commands are understood; not after each line of somebody who writes on."""
    if not hints.due(visit.chat_id, time.monotonic()):
        return []
    return [visit.say(visit.words.html(Phrase.HINT))]
