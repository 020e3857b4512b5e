"""editMessageText and editMessageReplyMarkup."""

import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.chat import Chat
from telegram.simulator.integer import read_message_id
from telegram.simulator.keyboard import Keyboard, check_keyboard, read_keyboard, with_checked_links
from telegram.simulator.link_preview import read_link_preview
from telegram.simulator.message import Message
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.request import Request
from telegram.simulator.send_message import pace
from telegram.simulator.text import FormattedText, checked_length, read_text

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


async def edit_message_text(request: Request) -> Answer:
    """Check, pace and change one message.

    Raises:
        RefusedError: the first check that fails.

    """
    raw = read_text(request.arguments)
    keyboard = read_keyboard(request.arguments)
    chat, message = _edited(request)
    keyboard = with_checked_links(keyboard)
    content = checked_length(raw)
    return await _change(request, chat, message, content, keyboard)


async def edit_message_reply_markup(request: Request) -> Answer:
    """Check, pace and change the buttons under one message.

    Raises:
        RefusedError: the first check that fails.

    """
    keyboard = read_keyboard(request.arguments)
    chat, message = _edited(request)
    return await _change(request, chat, message, None, with_checked_links(keyboard))


def _edited(request: Request) -> tuple[Chat, Message]:
    """Find the message to edit."""
    arguments = request.arguments
    if not arguments.get("chat_id") and not arguments.get("message_id"):
        raise BadRequestError("message identifier is not specified")
    chat = request.world.addressed_chat(arguments)
    chat.check_access()
    message = chat.message(read_message_id(arguments))
    if message is None:
        raise BadRequestError("message to edit not found")
    if message.bot_id != request.bot.bot_id:
        raise BadRequestError("message can't be edited")
    return chat, message


async def _change(
    request: Request,
    chat: Chat,
    message: Message,
    content: FormattedText | None,
    keyboard: Keyboard | None,
) -> Answer:
    await pace(request, chat)
    check_keyboard(keyboard)
    chat.check_recipient()
    preview = read_link_preview(request.arguments) if content else message.link_preview
    content = content or message.content
    if (content, keyboard) == (message.content, message.keyboard):
        raise BadRequestError(NOT_MODIFIED)
    if content != message.content:
        message.edit_date = int(time.time())
    message.content, message.keyboard, message.link_preview = content, keyboard, preview
    return granted(message.as_json(request.bot.as_json(), chat.as_json()))
