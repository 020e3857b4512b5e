"""Somebody who writes to the bot."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """A user of Telegram who is no bot."""

    user_id: int
    first_name: str
    username: str = ""
    language_code: str = "en"
    """The language of the person's Telegram, as the bot is told."""

    def as_json(self) -> dict[str, object]:
        """Write the person as the Bot API does."""
        fields: dict[str, object] = {"id": self.user_id, "is_bot": False, "first_name": self.first_name}
        if self.username:
            fields["username"] = self.username
        if self.language_code:
            fields["language_code"] = self.language_code
        return fields


SOMEBODY = Person(777_000_042, "Somebody")
"""Who writes in a group, and lets bots in and out, when nobody is named."""
