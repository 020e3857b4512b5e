"""The Telegram channel: send, classify, pace, render. The only package that knows aiogram.

A `Sender` makes one attempt and answers with a `Verdict`; a `Pacer` says how many attempts may be made now.
Names are loaded when they are first used: aiogram takes most of a second, and most commands never send.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from telegram.deferral import put_off_builds

if TYPE_CHECKING:
    from telegram.breaker import Breaker
    from telegram.classification import classify
    from telegram.error import (
        BadTokenError,
        BotFaultError,
        BotRefusedError,
        BotUnavailableError,
        PaceUnavailableError,
        TelegramError,
    )
    from telegram.guard import Guard
    from telegram.message import Message, compose
    from telegram.pace import Budget, Pacer
    from telegram.send_time import SendTimes
    from telegram.sender import Me, Sender
    from telegram.verdict import Degrade, Gate, GateScope, LinkChange, Verdict

__all__ = [
    "BadTokenError",
    "BotFaultError",
    "BotRefusedError",
    "BotUnavailableError",
    "Breaker",
    "Budget",
    "Degrade",
    "Gate",
    "GateScope",
    "Guard",
    "LinkChange",
    "Me",
    "Message",
    "PaceUnavailableError",
    "Pacer",
    "SendTimes",
    "Sender",
    "TelegramError",
    "Verdict",
    "classify",
    "compose",
]

_HOMES = {
    "breaker": ("Breaker",),
    "classification": ("classify",),
    "error": (
        "BadTokenError",
        "BotFaultError",
        "BotRefusedError",
        "BotUnavailableError",
        "PaceUnavailableError",
        "TelegramError",
    ),
    "guard": ("Guard",),
    "message": ("Message", "compose"),
    "pace": ("Budget", "Pacer"),
    "send_time": ("SendTimes",),
    "sender": ("Me", "Sender"),
    "verdict": ("Degrade", "Gate", "GateScope", "LinkChange", "Verdict"),
}

put_off_builds()


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"telegram.{home}"), name)
    raise AttributeError(f"module 'telegram' has no attribute {name!r}")
