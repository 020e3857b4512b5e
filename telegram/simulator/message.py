"""A message as the person sees it and as the Bot API answers it."""

from dataclasses import dataclass

from telegram.simulator.keyboard import Keyboard
from telegram.simulator.text import FormattedText


@dataclass(slots=True)
class Message:
    """One message of a chat."""

    message_id: int
    date: int
    """Seconds since 1970."""
    content: FormattedText
    keyboard: Keyboard | None
    silent: bool
    edit_date: int | None = None

    def as_seen(self) -> dict[str, object]:
        """Write the message for the control API."""
        return {
            "message_id": self.message_id,
            "date": self.date,
            "text": self.content.text,
            "entities": [entity.as_json() for entity in self.content.entities],
            "reply_markup": self.keyboard,
            "silent": self.silent,
            "edited": self.edit_date is not None,
        }

    def as_json(self, sender: dict[str, object], chat: dict[str, object]) -> dict[str, object]:
        """Write the message as the Bot API does: what is empty is left out."""
        fields: dict[str, object] = {
            "message_id": self.message_id,
            "from": sender,
            "chat": chat,
            "date": self.date,
        }
        if self.edit_date is not None:
            fields["edit_date"] = self.edit_date
        fields["text"] = self.content.text
        if self.content.entities:
            fields["entities"] = [entity.as_json() for entity in self.content.entities]
        if self.keyboard is not None:
            fields["reply_markup"] = self.keyboard
        return fields
