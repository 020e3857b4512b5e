"""One bot: who it is, what it may send and what waits for it."""

import math
import time
from dataclasses import dataclass, field

from telegram.simulator.callback_query import CallbackQuery
from telegram.simulator.courier import Courier
from telegram.simulator.flood import Flood
from telegram.simulator.long_poll import LongPoll
from telegram.simulator.update import Update, UpdateKind, UpdateQueue
from telegram.simulator.webhook import Webhook


@dataclass(slots=True)
class Bot:
    """One bot, known by its token."""

    bot_id: int
    flood: Flood
    updates: UpdateQueue
    poll: LongPoll
    webhook: Webhook | None = None
    courier: Courier | None = None
    """Works for the webhook."""
    webhook_again_at: float = -math.inf
    """When setWebhook may come again, on the monotonic clock."""
    callback_queries: dict[str, CallbackQuery] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
    """The commands it has set, by scope and language."""

    @property
    def username(self) -> str:
        """Name the bot as links do."""
        return f"vestnik_{self.bot_id}_bot"

    def as_json(self) -> dict[str, object]:
        """Write the bot as a message's sender."""
        return {"id": self.bot_id, "is_bot": True, "first_name": "Vestnik", "username": self.username}

    def tell(self, kind: UpdateKind, about: int, body: dict[str, object]) -> Update | None:
        """Let the bot know what has happened; None when it does not want such updates."""
        update = self.updates.add(kind, about, body, time.time())
        if self.courier is not None:
            self.courier.wake()
        self.poll.wake()
        return update

    async def end_webhook(self) -> None:
        """Bring updates nowhere any more."""
        courier, self.webhook, self.courier = self.courier, None, None
        if courier is not None:
            await courier.stop()

    def leave(self) -> None:
        """End what works for the bot, at once: its world ends."""
        self.poll.close()
        if self.courier is not None:
            self.courier.cancel()
