"""The Telegram channel: send, classify, pace, render. The only package that knows aiogram.

A `Sender` makes one attempt and answers with a `Verdict`; a `Pacer` says how many attempts may be made now.
Names are loaded when they are first used: aiogram takes most of a second, and most commands never send. A process
that will use it is sooner ready when it has called `put_off_builds` before.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telegram.breaker import Breaker
    from telegram.classification import classify
    from telegram.deferral import put_off_builds
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
    from telegram.verdict import Degrade, FloodWait, GateScope, LinkChange, Verdict

__all__ = [
    "BadTokenError",
    "BotFaultError",
    "BotRefusedError",
    "BotUnavailableError",
    "Breaker",
    "Budget",
    "Degrade",
    "FloodWait",
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
    "put_off_builds",
]

_HOMES = {
    "breaker": ("Breaker",),
    "classification": ("classify",),
    "deferral": ("put_off_builds",),
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
    "verdict": ("Degrade", "FloodWait", "GateScope", "LinkChange", "Verdict"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"telegram.{home}"), name)
    raise AttributeError(f"module 'telegram' has no attribute {name!r}")
