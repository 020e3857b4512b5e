"""A message as the person sees it and as the Bot API answers it."""

from dataclasses import dataclass

from telegram.simulator.keyboard import Keyboard
from telegram.simulator.person import Person
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
    sender: Person | None = None
    """None: the bot has sent it."""
    bot_id: int = 0
    """Which bot, when a bot has."""
    thread_id: int | None = None
    """The topic it stands in."""
    reply_to: "Message | None" = None
    protected: bool = False
    """Cannot be forwarded or saved."""
    link_preview: dict[str, object] | None = None
    """What the bot has said about the preview of links."""

    def callback_data(self) -> list[str]:
        """Give what its buttons send to the bot."""
        rows = (self.keyboard or {}).get("inline_keyboard", [])
        return [str(button["callback_data"]) for row in rows for button in row if "callback_data" in button]

    def as_seen(self) -> dict[str, object]:
        """Write the message for the control API."""
        fields: dict[str, object] = {
            "message_id": self.message_id,
            "from": "bot" if self.sender is None else "person",
            "date": self.date,
            "text": self.content.text,
            "entities": [entity.as_json() for entity in self.content.entities],
            "reply_markup": self.keyboard,
            "silent": self.silent,
            "edited": self.edit_date is not None,
        }
        if self.sender is not None:
            fields["sender"] = self.sender.as_json()
        if self.reply_to is not None:
            fields["reply_to_message_id"] = self.reply_to.message_id
        return fields | self._marks()

    def as_json(
        self,
        bot: dict[str, object],
        chat: dict[str, object],
        *,
        with_reply: bool = True,
    ) -> dict[str, object]:
        """Write the message as the Bot API does: what is empty is left out, a reply's reply too."""
        fields: dict[str, object] = {
            "message_id": self.message_id,
            **self._author(bot, chat),
            "chat": chat,
            "date": self.date,
        }
        if self.edit_date is not None:
            fields["edit_date"] = self.edit_date
        fields |= self._marks()
        if self.reply_to is not None and with_reply:
            fields["reply_to_message"] = self.reply_to.as_json(bot, chat, with_reply=False)
        fields["text"] = self.content.text
        if self.content.entities:
            fields["entities"] = [entity.as_json() for entity in self.content.entities]
        if self.link_preview is not None:
            fields["link_preview_options"] = self.link_preview
        if self.keyboard is not None:
            fields["reply_markup"] = self.keyboard
        return fields

    def _author(self, bot: dict[str, object], chat: dict[str, object]) -> dict[str, object]:
        """Say who has written it: in a channel, the channel."""
        if chat["type"] == "channel":
            return {"sender_chat": chat}
        return {"from": bot if self.sender is None else self.sender.as_json()}

    def _marks(self) -> dict[str, object]:
        """Give what only some messages have."""
        fields: dict[str, object] = {}
        if self.thread_id is not None:
            fields |= {"message_thread_id": self.thread_id, "is_topic_message": True}
        if self.protected:
            fields["has_protected_content"] = True
        return fields
