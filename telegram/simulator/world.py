"""All that the simulator knows: bots, chats, calls and ordered faults."""

import time
from dataclasses import dataclass, field

from telegram.simulator.arguments import Arguments
from telegram.simulator.chat import Chat, type_of
from telegram.simulator.fault import FaultBook
from telegram.simulator.flood import Flood
from telegram.simulator.journal import Journal
from telegram.simulator.options import SimulatorOptions
from telegram.simulator.refusal import BadRequestError

SMALLEST_ID, LARGEST_ID = -(2**63), 2**63 - 1


@dataclass(slots=True)
class Bot:
    """One bot, known by its token."""

    bot_id: int
    flood: Flood

    @property
    def username(self) -> str:
        """Name the bot as links do."""
        return f"vestnik_{self.bot_id}_bot"

    def as_json(self) -> dict[str, object]:
        """Write the bot as a message's sender."""
        return {"id": self.bot_id, "is_bot": True, "first_name": "Vestnik", "username": self.username}


@dataclass(slots=True)
class World:
    """The state behind both ports."""

    options: SimulatorOptions
    bots: dict[str, Bot] = field(init=False)
    chats: dict[int, Chat] = field(init=False)
    journal: Journal = field(init=False)
    faults: FaultBook = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nobody."""
        self.reset()

    def reset(self) -> None:
        """Forget all but the options."""
        now = time.monotonic()
        self.bots = {token: Bot(_bot_id(token), Flood(self.options, now)) for token in self.options.tokens}
        self.chats = {}
        self.journal = Journal()
        self.faults = FaultBook()

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
