"""The Telegram channel: compose, send, classify, pace. The only package that knows aiogram.

A `Sender` makes one attempt and answers with a `Verdict`; a `Pacer` says how many attempts may be made now.
"""

from telegram.classification import classify
from telegram.error import (
    BadTokenError,
    BotFaultError,
    BotRefusedError,
    BotUnavailableError,
    PaceUnavailableError,
    TelegramError,
)
from telegram.message import Button, Message, compose
from telegram.pace import Budget, Pacer
from telegram.sender import Me, Sender
from telegram.verdict import Degrade, Gate, GateScope, LinkChange, Verdict

__all__ = [
    "BadTokenError",
    "BotFaultError",
    "BotRefusedError",
    "BotUnavailableError",
    "Budget",
    "Button",
    "Degrade",
    "Gate",
    "GateScope",
    "LinkChange",
    "Me",
    "Message",
    "PaceUnavailableError",
    "Pacer",
    "Sender",
    "TelegramError",
    "Verdict",
    "classify",
    "compose",
]
