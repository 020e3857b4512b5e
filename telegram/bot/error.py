"""Errors of the bot."""

from telegram.error import TelegramError


class StoreAwayError(TelegramError):
    """PostgreSQL does not answer: an update must not be acknowledged."""
