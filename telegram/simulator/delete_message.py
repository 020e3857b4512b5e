"""deleteMessage and deleteMessages."""

import json
import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.chat import Chat
from telegram.simulator.integer import read_message_id
from telegram.simulator.message import Message
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.request import Request

DELETABLE_SECONDS = 48 * 60 * 60
MOST_MESSAGES = 100


async def delete_message(request: Request) -> Answer:
    """Delete one message for everyone.

    Raises:
        BadRequestError: it is not there, too old, or somebody else's in a group.

    """
    arguments = request.arguments
    if not arguments.get("chat_id"):
        raise BadRequestError("chat identifier is not specified")
    message_id = read_message_id(arguments)
    if not message_id:
        raise BadRequestError("message identifier is not specified")
    chat = request.world.addressed_chat(arguments)
    chat.check_access()
    message = chat.message(message_id)
    if message is None:
        raise BadRequestError("message to delete not found")
    _check(request, chat, message)
    chat.remove(message)
    return granted(result=True)


async def delete_messages(request: Request) -> Answer:
    """Delete many messages; those that are not there are passed over.

    Raises:
        BadRequestError: no list of at most a hundred numbers, or one that may not be deleted.

    """
    numbers = _numbers(request.arguments.get("message_ids", ""))
    chat = request.world.addressed_chat(request.arguments)
    chat.check_access()
    messages = [message for number in numbers if (message := chat.message(number))]
    for message in messages:
        _check(request, chat, message)
    for message in messages:
        chat.remove(message)
    return granted(result=True)


def _check(request: Request, chat: Chat, message: Message) -> None:
    own = message.bot_id == request.bot.bot_id
    if chat.is_group and not own:
        raise BadRequestError("message can't be deleted")
    if message.date < time.time() - DELETABLE_SECONDS:
        raise BadRequestError("message can't be deleted for everyone")


def _numbers(source: str) -> set[int]:
    if not source:
        raise BadRequestError("message identifiers are not specified")
    try:
        numbers = json.loads(source)
    except ValueError:
        raise BadRequestError("can't parse message identifiers JSON object") from None
    if not isinstance(numbers, list):
        raise BadRequestError("expected an Array of message identifiers")
    if len(numbers) > MOST_MESSAGES:
        raise BadRequestError("too many message identifiers specified")
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise BadRequestError(
            "invalid message identifier specified" if numbers else "message identifiers are not specified"
        )
    return set(numbers)
