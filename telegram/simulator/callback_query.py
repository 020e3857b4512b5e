"""A button that a person has tapped, and what the bot makes of it."""

from dataclasses import dataclass

from telegram.simulator.person import Person
from telegram.simulator.refusal import BadRequestError

ANSWERABLE_SECONDS = 150.0
"""As long as the server keeps the query for its bot; Telegram's own limit is not published."""
LONGEST_ANSWER = 200
"""In code points."""
STALE = "query is too old and response timeout expired or query ID is invalid"


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What the person sees after the tap."""

    text: str
    """Empty: nothing but the end of the waiting."""
    show_alert: bool
    url: str
    cache_time: int


@dataclass(slots=True)
class CallbackQuery:
    """One tap."""

    query_id: str
    person: Person
    message_id: int
    data: str
    asked_at: float
    """In seconds since 1970."""
    answer: CallbackAnswer | None = None

    def take(self, answer: CallbackAnswer, now: float) -> None:
        """Show the bot's answer, once.

        Raises:
            BadRequestError: it comes too late, or was given before, or its text is too long.

        """
        if self.answer is not None or now > self.asked_at + ANSWERABLE_SECONDS:
            raise BadRequestError(STALE)
        if len(answer.text) > LONGEST_ANSWER:
            raise BadRequestError("MESSAGE_TOO_LONG")
        self.answer = answer

    def as_json(self, message: dict[str, object], chat_instance: str) -> dict[str, object]:
        """Write the query as the Bot API does."""
        return {
            "id": self.query_id,
            "from": self.person.as_json(),
            "message": message,
            "chat_instance": chat_instance,
            "data": self.data,
        }

    def as_seen(self) -> dict[str, object]:
        """Write the query for the control API."""
        answer = self.answer
        return {
            "callback_query_id": self.query_id,
            "message_id": self.message_id,
            "data": self.data,
            "from_id": self.person.user_id,
            "date": int(self.asked_at),
            "answered": answer is not None,
            "text": answer.text if answer else "",
            "show_alert": answer is not None and answer.show_alert,
            "url": answer.url if answer else "",
        }
