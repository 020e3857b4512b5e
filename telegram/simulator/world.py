"""All that the simulator knows: bots, chats, calls and ordered faults."""

import time
from dataclasses import dataclass, field

from telegram.simulator.arguments import Arguments
from telegram.simulator.bot import Bot
from telegram.simulator.chat import Chat, type_of
from telegram.simulator.fault import FaultBook
from telegram.simulator.flood import Flood
from telegram.simulator.journal import Journal
from telegram.simulator.long_poll import LongPoll
from telegram.simulator.options import SimulatorOptions
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.update import UpdateQueue

SMALLEST_ID, LARGEST_ID = -(2**63), 2**63 - 1


FIRST_UPDATE_ID_SINCE = 1_000_000_000
"""Update ids begin with the seconds since then. So a simulator started again repeats none that a bot has handled."""


@dataclass(slots=True)
class World:
    """The state behind both ports."""

    options: SimulatorOptions
    bots: dict[str, Bot] = field(init=False)
    chats: dict[int, Chat] = field(init=False)
    journal: Journal = field(init=False)
    faults: FaultBook = field(init=False)
    _next_update_id: int = field(init=False, default_factory=lambda: int(time.time()) - FIRST_UPDATE_ID_SINCE)

    def __post_init__(self) -> None:
        """Begin with nobody."""
        self.bots = {}
        self.reset()

    def reset(self) -> None:
        """Forget all but the options."""
        self.leave()
        self.bots = {token: self._new_bot(token) for token in self.options.tokens}
        self.chats = {}
        self.journal = Journal()
        self.faults = FaultBook()

    def leave(self) -> None:
        """End the long polls and webhooks."""
        for bot in self.bots.values():
            bot.leave()
            # Whoever polls on with the last offset must not thereby acknowledge what comes after a reset.
            self._next_update_id = max(self._next_update_id, bot.updates.next_id)

    def bot(self, bot_id: int | None) -> Bot | None:
        """Find a bot by its number; the first without one."""
        return next((bot for bot in self.bots.values() if bot_id in (None, bot.bot_id)), None)

    def chat(self, chat_id: int) -> Chat | None:
        """Find a chat."""
        return self.chats.get(chat_id)

    def chat_or_new(self, chat_id: int) -> Chat:
        """Find a chat or make it: a person who has started the bot, or a group with the bot in it."""
        chat = self.chats.get(chat_id)
        if chat is None:
            chat = self.chats[chat_id] = Chat(chat_id, type_of(chat_id), name=f"Chat {chat_id}")
        return chat

    def addressed_chat(self, arguments: Arguments) -> Chat:
        """Find the chat that a call names.

        Raises:
            BadRequestError: it names none, or one that nobody knows.

        """
        if not arguments.get("chat_id", "").strip():
            raise BadRequestError("chat_id is empty")
        chat_id = named_chat_id(arguments)
        chat = None if chat_id is None else self.chats.get(chat_id)
        if chat is None:
            raise BadRequestError("chat not found")
        return chat

    def _new_bot(self, token: str) -> Bot:
        flood = Flood(self.options, time.monotonic())
        poll = LongPoll(patient=not self.options.no_limits)
        return Bot(_bot_id(token), flood, UpdateQueue(self._next_update_id), poll)


def named_chat_id(arguments: Arguments) -> int | None:
    """Read a call's chat id; None when there is none or it is no 64-bit number."""
    try:
        chat_id = int(arguments.get("chat_id", ""))
    except ValueError:
        return None
    return chat_id if SMALLEST_ID <= chat_id <= LARGEST_ID else None


def _bot_id(token: str) -> int:
    number = token.partition(":")[0]
    if not number.isdigit():
        raise ValueError("a bot token begins with the bot's number and a colon")
    return int(number)
