"""What one attempt means: for the delivery, its link, the gates and the bot."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from outbox.delivery.outcome import Outcome
from outbox.link.chat_state import LinkState
from telegram.answer import Phase


class Degrade(StrEnum):
    """What a message is sent once more without, in the same attempt."""

    MARKUP = "markup"
    """As plain text: Telegram could not parse it, which is the template's fault."""
    LENGTH = "length"
    """Shortened to what Telegram takes."""
    BUTTON = "button"
    """Without its button."""
    TOPIC = "topic"
    """Into the chat itself instead of its topic."""


class EditFault(StrEnum):
    """What only an edit is refused for."""

    SAME = "same"
    """The chat shows already what it should."""
    GONE = "gone"
    """The message is gone, or cannot be edited: only a new one can say it."""


class GateScope(StrEnum):
    """Who must not send while a gate is closed."""

    CHAT = "chat"
    """This chat's lane only."""
    BOT = "bot"
    """Every chat of the bot."""


@dataclass(frozen=True, slots=True)
class FloodWait:
    """A wait that Telegram has ordered."""

    scope: GateScope
    """The least that must be closed: a chat's 429s may still add up to the bot's gate."""
    delay: timedelta


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What the attempt has shown about the recipient's link."""

    state: LinkState
    after: timedelta = timedelta(0)
    """Change it only when the same was already seen this long ago, with no success between."""
    tell_owner: bool = False
    """Say so in the recipient's inbox: only a person can mend it."""


# not frozen: with so many fields it would take three times as long to make, and each message makes one
@dataclass(slots=True)
class Verdict:
    """All that follows from one attempt."""

    outcome: Outcome
    link: LinkChange | None = None
    restore_links: timedelta = timedelta(0)
    """Take back what was believed of all chats within this time: so many refusals are our own fault."""
    migrate_to: int | None = None
    """The chat's new id: the link must point there from now on."""
    degrade: Degrade | None = None
    """What a second try should go without; the outcome holds if there is none."""
    degraded: Degrade | None = None
    """What the sent message did go without."""
    edit: EditFault | None = None
    """Why an edit was refused that a new message would not be."""
    gate: FloodWait | None = None
    outage: bool = False
    """It may be that nobody can reach Telegram: then it is the breaker's affair, not the message's."""
    stop_bot: bool = False
    """The token or the API base is wrong: nobody can be reached until `getMe` answers."""
    status: int | None = None
    """HTTP status of the last answer, None where there was none."""
    phase: Phase = Phase.ANSWERED
    requests: int = 1
    """How many requests the attempt has cost of the bot's rate."""
    seconds: float = 0.0
    """How long the attempt took, without waiting for a free connection."""
