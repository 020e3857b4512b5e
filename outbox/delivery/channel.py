"""The channels a delivery can go out on."""

from enum import StrEnum


class Channel(StrEnum):
    """Where a recipient is reached."""

    TELEGRAM = "telegram"
    """A message in the linked chat."""
    INAPP = "inapp"
    """A notification in the application's inbox."""
