"""The bot that people talk to: takes updates in, each once, links chats, keeps what people choose, and answers.

An `UpdateIntake` handles updates whichever way they come: a `Poller` asks for them, a webhook gets them sent.
"""

from telegram.bot.chat_pace import ChatPace
from telegram.bot.client import Client
from telegram.bot.dispatcher import build_dispatcher
from telegram.bot.error import StoreAwayError
from telegram.bot.introduction import introduce, publish_commands
from telegram.bot.poller import Poller
from telegram.bot.reply_queue import ReplyQueue
from telegram.bot.update_intake import UpdateIntake
from telegram.bot.webhook_keeper import WebhookKeeper
from telegram.bot.webhook_route import path_of, secret_of, webhook_router

__all__ = [
    "ChatPace",
    "Client",
    "Poller",
    "ReplyQueue",
    "StoreAwayError",
    "UpdateIntake",
    "WebhookKeeper",
    "build_dispatcher",
    "introduce",
    "path_of",
    "publish_commands",
    "secret_of",
    "webhook_router",
]
