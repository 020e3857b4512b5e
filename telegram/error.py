"""Errors of this package. None of them ever carries a token or a URL."""

from outbox.delivery.outcome import Reason
from telegram.answer import Answer


class TelegramError(Exception):
    """Base of every error that `telegram` raises."""


class BadTokenError(TelegramError):
    """A bot token that cannot be one."""


class AnswerError(TelegramError):
    """A Bot API method that did not succeed."""

    def __init__(self, method: str, answer: Answer) -> None:
        super().__init__(f"{method}: {answer}")
        self.method = method
        self.answer = answer


class BotFaultError(TelegramError):
    """The bot cannot be used at present; `reason` says in one word why."""

    def __init__(self, message: str, reason: Reason | None, status: int | None) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


class BotRefusedError(BotFaultError):
    """Telegram does not accept the token, or the API base is no Bot API."""


class BotUnavailableError(BotFaultError):
    """Telegram cannot be reached, or asks to wait."""


class PaceUnavailableError(TelegramError):
    """Redis does not answer, so nobody knows what may be sent: send nothing."""
