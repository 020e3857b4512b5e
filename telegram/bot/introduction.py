"""What the bot does before it takes updates: learns its own name and puts its commands into people's menus."""

import asyncio

from aiogram.methods import SetMyCommands, TelegramMethod
from aiogram.types import BotCommand, BotCommandScopeAllPrivateChats, User

from health import CheckName, Health, get_logger
from telegram.answer import Taken
from telegram.bot.answer_check import WELL, ReplyBackoff, check_of
from telegram.bot.client import Client
from telegram.bot.phrase import Phrase
from telegram.bot.stopping import pause, unless_stopped
from telegram.bot.words import LANGUAGES, words_of

log = get_logger()

COMMANDS = (
    ("start", Phrase.COMMAND_START),
    ("settings", Phrase.COMMAND_SETTINGS),
    ("status", Phrase.COMMAND_STATUS),
    ("stop", Phrase.COMMAND_STOP),
    ("help", Phrase.COMMAND_HELP),
)
FALLBACK = "en"
"""What people read whose language has no menu of its own."""


async def introduce(client: Client, health: Health, stopping: asyncio.Event) -> bool:
    """Ask until Telegram knows the bot; false when the process stops before."""
    patience = ReplyBackoff()
    while not stopping.is_set():
        answer = await unless_stopped(stopping, client.introduce())
        if isinstance(answer, User):
            health.record(CheckName.TELEGRAM, WELL)
            return True
        if answer is not None:
            health.record(CheckName.TELEGRAM, check_of(answer))
            await pause(stopping, patience.after(answer))
    return False


async def publish_commands(client: Client) -> None:
    """Put the commands into the menus; without them everything works as well."""
    for language in LANGUAGES:
        if not isinstance(await client.ask(menu(language)), Taken):
            log.warning("commands_unpublished", language=language)


def menu(language: str) -> TelegramMethod[bool]:
    """Make the menu of one language."""
    words = words_of(language)
    return SetMyCommands(
        commands=[BotCommand(command=name, description=words.plain(phrase)) for name, phrase in COMMANDS],
        scope=BotCommandScopeAllPrivateChats(),
        language_code=None if language == FALLBACK else language,
    )
