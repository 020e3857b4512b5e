"""The updates that wait for one bot, as the real server keeps them: by number, until acknowledged or too old."""

import json
from dataclasses import dataclass
from enum import StrEnum

FURTHEST_OFFSET = 10
"""An offset that is further ahead of the queue than this is taken for none."""
DAY_SECONDS = 86_400
CALLBACK_QUERY_SECONDS = 150
"""How long the server keeps a tapped button for its bot."""


class UpdateKind(StrEnum):
    """What can happen to a bot here."""

    MESSAGE = "message"
    """A person has written."""
    CALLBACK_QUERY = "callback_query"
    """A person has tapped a button."""
    MY_CHAT_MEMBER = "my_chat_member"
    """The bot was blocked, unblocked, thrown out or let in."""


LIFETIME_SECONDS = {
    UpdateKind.MESSAGE: DAY_SECONDS,
    UpdateKind.CALLBACK_QUERY: CALLBACK_QUERY_SECONDS,
    UpdateKind.MY_CHAT_MEMBER: DAY_SECONDS,
}

ALL_NAMES = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "custom_event",
    "custom_query",
    "shipping_query",
    "pre_checkout_query",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "message_reaction",
    "message_reaction_count",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "purchased_paid_media",
)
"""What `allowed_updates` can name, in the order in which getWebhookInfo lists it."""
DEFAULT_NAMES = frozenset(ALL_NAMES) - {"chat_member", "message_reaction", "message_reaction_count"}
"""What a bot gets that has not chosen."""


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that has happened, as it was when it happened."""

    update_id: int
    kind: UpdateKind
    about: int
    """The chat, or the person who tapped: a webhook gets what is of one kind and about one of them in order."""
    body: dict[str, object]
    expires_at: float

    @property
    def lane(self) -> tuple[UpdateKind, int]:
        """Name the row in which a webhook gets it."""
        return self.kind, self.about

    def as_json(self) -> dict[str, object]:
        """Write the update as the Bot API does."""
        return {"update_id": self.update_id, self.kind.value: self.body}


class UpdateQueue:
    """The updates of one bot that it has not acknowledged. Times are seconds since 1970."""

    def __init__(self, next_id: int) -> None:
        self.next_id = next_id
        self.allowed = DEFAULT_NAMES
        self._updates: dict[int, Update] = {}

    def allow(self, names: str) -> bool:
        """Take an `allowed_updates` argument; what is none of its kind leaves all as it was. Tell about a change."""
        chosen = _read_names(names)
        if chosen is None or chosen == self.allowed:
            return False
        self.allowed = chosen
        return True

    def add(self, kind: UpdateKind, about: int, body: dict[str, object], now: float) -> Update | None:
        """Keep an update for the bot; None when the bot does not want its kind."""
        if kind.value not in self.allowed:
            return None
        update = Update(self.next_id, kind, about, body, now + LIFETIME_SECONDS[kind])
        self._updates[update.update_id] = update
        self.next_id += 1
        return update

    def read(self, offset: int, limit: int, now: float) -> list[Update]:
        """Give the oldest from `offset` on, forgetting what is before; a negative offset keeps only the last ones."""
        if offset < 0:
            self._forget_before(self._nth_from_the_end(-offset))
        elif offset <= self.next_id + FURTHEST_OFFSET:
            self._forget_before(offset)
        return self.pending(now)[:limit]

    def pending(self, now: float) -> list[Update]:
        """Give what waits, oldest first, and drop what is too old."""
        for update in [each for each in self._updates.values() if each.expires_at <= now]:
            del self._updates[update.update_id]
        return list(self._updates.values())

    def forget(self, update_id: int) -> None:
        """Drop what a webhook has taken."""
        self._updates.pop(update_id, None)

    def clear(self) -> None:
        """Drop all."""
        self._updates.clear()

    def _nth_from_the_end(self, count: int) -> int:
        ids = list(self._updates)[-count:]
        return ids[0] if ids else 0

    def _forget_before(self, offset: int) -> None:
        for update_id in [each for each in self._updates if each < offset]:
            del self._updates[update_id]


def _read_names(source: str) -> frozenset[str] | None:
    try:
        names = json.loads(source)
    except ValueError:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    # An empty list, or one of unknown words only, is the default: so the real server reads it.
    return frozenset(name.lower() for name in names) & frozenset(ALL_NAMES) or DEFAULT_NAMES
