"""What came of one attempt, and the closed set of words that says why."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Reason(StrEnum):
    """Why a delivery stands where it stands: the same word in the row, the log and the metric's label."""

    NO_LINK = "no_link"
    """The recipient has no chat linked."""
    MUTED = "muted"
    """The recipient has switched the category off on this channel."""
    BLOCKED = "blocked"
    """The recipient has blocked the bot."""
    UNREACHABLE = "unreachable"
    """The chat is gone, or its owner is deactivated or never started the bot."""
    SUSPENDED = "suspended"
    """The link rests because Telegram refused the chat for long."""
    FORGOTTEN = "forgotten"
    """The recipient was erased on request."""
    DISCARDED = "discarded"
    """A dead letter that an operator has put away."""
    EXPIRED = "expired"
    """Its time to live ended before it could be delivered."""
    TEMPLATE = "template"
    """The type's texts cannot be rendered with this payload."""
    UNROUTED = "unrouted"
    """The catalog no longer has the type."""
    FLOOD = "flood"
    """429: Telegram asked to wait."""
    PACE = "pace"
    """Our own limiter asked to wait."""
    QUIET_HOURS = "quiet_hours"
    """The recipient wants quiet until their morning."""
    DIGEST = "digest"
    """A message that should list it with others could not go: it goes by itself."""
    UNAVAILABLE = "unavailable"
    """The channel is out of reach: 5xx, no connection, no name."""
    BOT_REFUSED = "bot_refused"
    """401, 404, 421, logged out: the token or the API base is wrong."""
    UNLINK_GUARD = "unlink_guard"
    """So many chats are refused at once that the fault is taken for our own."""
    FORBIDDEN = "forbidden"
    """A 403 that may pass by itself."""
    CHAT_NOT_FOUND = "chat_not_found"
    """Telegram does not know the chat."""
    NO_RIGHTS = "no_rights"
    """The bot may not write to the chat."""
    TOPIC = "topic"
    """The topic of the chat is closed or gone."""
    MARKUP = "markup"
    """Telegram could not parse the message's markup."""
    BAD_MESSAGE = "bad_message"
    """The message is too long, or its buttons are wrong."""
    BAD_REQUEST = "bad_request"
    """Any other 400 or 413."""
    LOST_ANSWER = "lost_answer"
    """The connection broke or timed out after the request was sent."""
    WORKER_LOST = "worker_lost"
    """The worker's lease ended before the attempt was recorded."""
    UNDECODABLE = "undecodable"
    """A 2xx whose body cannot be read: delivered, message id unknown."""
    INTERNAL = "internal"
    """A fault of our own while sending."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel has taken the message."""

    message_id: int | None = None
    """Telegram's id of the message; None where the answer could not be read."""
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Snooze:
    """Not now, through no fault of the message: costs no attempt."""

    delay: timedelta
    reason: Reason


@dataclass(frozen=True, slots=True)
class Retry:
    """A fault that may pass: costs an attempt, comes again by the schedule."""

    reason: Reason
    at_least: timedelta = timedelta(0)
    """What a shorter step of the schedule is lengthened to."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A fault that stays: the delivery dies."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say whether the message arrived."""

    reason: Reason
    delay: timedelta | None = None
    """Given in an outage: sent again after this, and it costs no attempt. None: by the schedule, costs one."""


Outcome = Delivered | Snooze | Retry | Reject | Unknown
