"""editMessageText."""

import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.keyboard import check_keyboard, read_keyboard
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.request import Request
from telegram.simulator.send_message import pace
from telegram.simulator.text import checked_length, read_text


async def edit_message_text(request: Request) -> Answer:
    """Check, pace and change one message.

    Raises:
        RefusedError: the first check that fails.

    """
    arguments = request.arguments
    raw = read_text(arguments)
    keyboard = read_keyboard(arguments)
    chat = request.world.addressed_chat(arguments)
    chat.check_access()
    number = arguments.get("message_id", "")
    message = chat.message(int(number)) if number.isdigit() else None
    if message is None:
        raise BadRequestError("message to edit not found")
    content = checked_length(raw)
    await pace(request, chat)
    check_keyboard(keyboard)
    chat.check_recipient()
    if (content, keyboard) == (message.content, message.keyboard):
        raise BadRequestError(
            "message is not modified: specified new message content and reply markup are exactly the same "
            "as a current content and reply markup of the message",
        )
    message.content, message.keyboard, message.edit_date = content, keyboard, int(time.time())
    return granted(message.as_json(request.bot.as_json(), chat.as_json()))
