"""What people do: they write and they tap."""

import random
import time
import zlib
from dataclasses import dataclass

from telegram.simulator.bot import Bot
from telegram.simulator.callback_query import CallbackQuery
from telegram.simulator.chat import Chat, ChatState
from telegram.simulator.chat_member import change_state
from telegram.simulator.found_entity import addressed_bots, find_commands
from telegram.simulator.message import Message
from telegram.simulator.person import Person
from telegram.simulator.text import FormattedText, checked_length
from telegram.simulator.update import Update, UpdateKind
from telegram.simulator.world import World

_QUERY_IDS = random.SystemRandom()
QUERY_ID_BITS = 62


class ImpossibleError(Exception):
    """What a person in that place cannot do; the message says why."""


class NotThereError(Exception):
    """A message or a button that the person does not see."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a person says, and where."""

    text: str
    sender: Person
    thread_id: int | None = None
    reply_to_message_id: int | None = None


def say(world: World, chat: Chat, bot: Bot, utterance: Utterance) -> tuple[Message, Update | None]:
    """Write into a chat; who had blocked the bot, or never started it, does so first.

    Raises:
        ImpossibleError: there is nobody to say it, or no bot to hear it.
        NotThereError: the topic, or what it replies to, is not there.
        BadRequestError: nothing but white space, or too long.

    """
    _check_place(chat, utterance)
    reply_to = _replied(chat, utterance.reply_to_message_id)
    content = checked_length(FormattedText(utterance.text, find_commands(utterance.text)))
    _enter(world, chat, utterance.sender)
    message = Message(
        chat.next_message_id(),
        int(time.time()),
        content,
        keyboard=None,
        silent=False,
        sender=utterance.sender,
        thread_id=utterance.thread_id,
        reply_to=reply_to,
    )
    chat.show(message)
    if not _hears(bot, chat, message):
        return message, None
    body = message.as_json(bot.as_json(), chat.as_json())
    return message, bot.tell(UpdateKind.MESSAGE, chat.chat_id, body)


def tap(world: World, chat: Chat, message_id: int, data: str, person: Person) -> CallbackQuery:
    """Tap a button.

    Raises:
        ImpossibleError: there is nobody to tap it, or the button sends nothing to the bot.
        NotThereError: there is no such message, or no such button under it.

    """
    message = chat.message(message_id)
    if message is None:
        raise NotThereError(f"no message {message_id} in chat {chat.chat_id}")
    if data not in message.callback_data():
        raise NotThereError(f"no button with this data under message {message_id}")
    if chat.state is not ChatState.STARTED:
        raise ImpossibleError(f"chat {chat.chat_id} is {chat.state}: nobody can tap there")
    query = CallbackQuery(str(_QUERY_IDS.getrandbits(QUERY_ID_BITS)), person, message_id, data, time.time())
    chat.taps.append(query)
    bot = world.bot(message.bot_id)
    if bot is not None:
        bot.callback_queries[query.query_id] = query
        body = query.as_json(message.as_json(bot.as_json(), chat.as_json()), _chat_instance(chat, bot))
        bot.tell(UpdateKind.CALLBACK_QUERY, person.user_id, body)
    return query


def _check_place(chat: Chat, utterance: Utterance) -> None:
    if chat.migrate_to is not None:
        raise ImpossibleError(f"chat {chat.chat_id} has become chat {chat.migrate_to}")
    if chat.state is ChatState.DEACTIVATED:
        raise ImpossibleError(f"chat {chat.chat_id} is deactivated: there is nobody to write")
    if chat.is_group and chat.state is not ChatState.STARTED:
        raise ImpossibleError(f"the bot is not in chat {chat.chat_id}")
    if utterance.thread_id is not None and utterance.thread_id not in chat.topics:
        raise NotThereError(f"no topic {utterance.thread_id} in chat {chat.chat_id}")


def _enter(world: World, chat: Chat, sender: Person) -> None:
    if chat.is_group:
        chat.members[sender.user_id] = sender
    change_state(world, chat, ChatState.STARTED)


def _replied(chat: Chat, message_id: int | None) -> Message | None:
    if message_id is None:
        return None
    message = chat.message(message_id)
    if message is None:
        raise NotThereError(f"no message {message_id} in chat {chat.chat_id}")
    return message


def _hears(bot: Bot, chat: Chat, message: Message) -> bool:
    """Tell whether a bot in privacy mode gets the message: in groups commands and replies to itself only."""
    if not chat.is_group:
        return True
    if message.reply_to is not None and message.reply_to.bot_id == bot.bot_id:
        return True
    return any(name in ("", bot.username.lower()) for name in addressed_bots(message.content.text))


def _chat_instance(chat: Chat, bot: Bot) -> str:
    """Give the number that stands for the chat in this bot's callback queries: always the same."""
    return str(zlib.crc32(f"{chat.chat_id} {bot.bot_id}".encode()) + 2**32)
