"""One person or group that the bot can write to."""

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum

from telegram.simulator.callback_query import CallbackQuery
from telegram.simulator.message import Message
from telegram.simulator.person import Person
from telegram.simulator.refusal import BadRequestError, ForbiddenError

SUPERGROUP_IDS_BELOW = -1_000_000_000_000


class ChatType(StrEnum):
    """What kind of chat it is."""

    PRIVATE = "private"
    """One person."""
    GROUP = "group"
    """A small group, which can be upgraded to a supergroup."""
    SUPERGROUP = "supergroup"
    """A group with topics and rights."""
    CHANNEL = "channel"
    """One writes, many read."""


class ChatState(StrEnum):
    """How the chat stands to the bot."""

    NONE = "none"
    """Never started the bot; the bot is no member of the group."""
    STARTED = "started"
    """The bot may write."""
    BLOCKED = "blocked"
    """The person has blocked the bot."""
    DEACTIVATED = "deactivated"
    """The account is deleted; so is the group."""
    KICKED = "kicked"
    """The bot was thrown out of the group."""


@dataclass(slots=True)
class Chat:
    """The chat, what was said in it and what it lets the bot do."""

    chat_id: int
    type: ChatType
    state: ChatState = ChatState.STARTED
    name: str = ""
    username: str = ""
    language_code: str = "en"
    """The language of the person's Telegram."""
    migrate_to: int | None = None
    """The supergroup that a group has become."""
    can_write: bool = True
    """False: the bot is in the chat, but without the right to write."""
    topics: frozenset[int] = frozenset()
    """Topics that messages can go to."""
    closed_topics: frozenset[int] = frozenset()
    messages: list[Message] = field(default_factory=list)
    last_message_id: int = 0
    taps: list[CallbackQuery] = field(default_factory=list)
    """Every button that was tapped, and what the bot answered."""
    members: dict[int, Person] = field(default_factory=dict)
    """Who has been seen in the group."""
    said: set[str] = field(default_factory=set)
    """Every text sent so far, to see duplicates."""

    @property
    def is_group(self) -> bool:
        """Tell whether the limits of groups hold."""
        return self.type is not ChatType.PRIVATE

    def check_access(self) -> None:
        """Refuse what the Bot API server itself knows to be out of reach.

        Raises:
            BadRequestError: the group has become a supergroup.
            ForbiddenError: the bot cannot write there, with the reason.

        """
        if self.migrate_to is not None:
            raise BadRequestError(
                "group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.migrate_to,
            )
        fault = _NO_ACCESS.get((self.is_group, self.state))
        if fault is not None:
            raise ForbiddenError(fault.format(kind=self._kind))

    def check_topic(self, topic: str) -> None:
        """Refuse a topic that the chat does not have, or has closed.

        Raises:
            BadRequestError: message thread not found, or TOPIC_CLOSED.

        """
        if topic in ("", "0"):
            return
        number = int(topic) if topic.isdigit() else -1
        if number in self.closed_topics:
            raise BadRequestError("TOPIC_CLOSED")
        if number not in self.topics:
            raise BadRequestError("message thread not found")

    def check_rights(self) -> None:
        """Refuse when the bot is in the chat but may not write.

        Raises:
            BadRequestError: not enough rights.

        """
        if not self.can_write:
            raise BadRequestError("not enough rights to send text messages to the chat")

    def check_recipient(self) -> None:
        """Refuse what only Telegram behind the Bot API server knows.

        Raises:
            ForbiddenError: the person has blocked the bot.

        """
        if self.state is ChatState.BLOCKED:
            raise ForbiddenError("bot was blocked by the user")

    def post(self, message: Message) -> bool:
        """Show the bot's message; tell whether the same text was sent here before."""
        self.show(message)
        repeated = message.content.text in self.said
        self.said.add(message.content.text)
        return repeated

    def show(self, message: Message) -> None:
        """Put a message, the bot's or a person's, under the others."""
        self.messages.append(message)
        self.last_message_id = message.message_id

    def next_message_id(self) -> int:
        """Give the id of the next message: grows by one within the chat, whoever writes."""
        return self.last_message_id + 1

    def message(self, message_id: int) -> Message | None:
        """Find a message of the chat that is not deleted."""
        place = bisect_left(self.messages, message_id, key=lambda each: each.message_id)
        found = self.messages[place : place + 1]
        return found[0] if found and found[0].message_id == message_id else None

    def remove(self, message: Message) -> None:
        """Delete a message for everyone."""
        self.messages.remove(message)

    @property
    def person(self) -> Person:
        """Give the person of a private chat."""
        return Person(self.chat_id, self.name, self.username, self.language_code)

    def as_json(self) -> dict[str, object]:
        """Write the chat as the Bot API does."""
        fields: dict[str, object] = {"id": self.chat_id, "title" if self.is_group else "first_name": self.name}
        if self.username:
            fields["username"] = self.username
        fields["type"] = self.type.value
        if self.topics:
            fields["is_forum"] = True
        return fields

    @property
    def _kind(self) -> str:
        return f"{self.type.value} chat"


_NO_ACCESS = {
    (False, ChatState.NONE): "bot can't initiate conversation with a user",
    (False, ChatState.DEACTIVATED): "user is deactivated",
    (True, ChatState.NONE): "bot is not a member of the {kind}",
    (True, ChatState.DEACTIVATED): "the group chat was deleted",
    (True, ChatState.KICKED): "bot was kicked from the {kind}",
}
"""What each state answers, by (is a group, state)."""


def type_of(chat_id: int) -> ChatType:
    """Tell a chat's type from its id, as Telegram numbers them."""
    if chat_id >= 0:
        return ChatType.PRIVATE
    return ChatType.SUPERGROUP if chat_id < SUPERGROUP_IDS_BELOW else ChatType.GROUP
