"""sendMessage, with every check in the real server's order."""

import asyncio
import json
import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.arguments import Arguments, is_true
from telegram.simulator.chat import Chat
from telegram.simulator.keyboard import check_keyboard, read_keyboard
from telegram.simulator.message import Message
from telegram.simulator.refusal import BadRequestError, ThrottledError
from telegram.simulator.request import Request
from telegram.simulator.text import checked_length, read_text


async def send_message(request: Request) -> Answer:
    """Check, pace and deliver one message.

    Raises:
        RefusedError: the first check that fails.

    """
    arguments = request.arguments
    raw = read_text(arguments)
    reply_to = _replied_message(arguments)
    keyboard = read_keyboard(arguments)
    chat = request.world.addressed_chat(arguments)
    chat.check_access()
    chat.check_topic(arguments.get("message_thread_id", ""))
    content = checked_length(raw)
    chat.check_rights()
    _check_reply(chat, reply_to)
    await pace(request, chat)
    check_keyboard(keyboard)
    chat.check_recipient()
    silent = is_true(arguments, "disable_notification")
    message = Message(chat.next_message_id(), int(time.time()), content, keyboard, silent)
    repeated = chat.post(message)
    request.journal.note_delivery(request.call, time.monotonic(), repeated=repeated)
    return granted(message.as_json(request.bot.as_json(), chat.as_json()))


async def pace(request: Request, chat: Chat) -> None:
    """Hold the message as long as the flood model wants.

    Raises:
        ThrottledError: that would be too long.

    """
    paid = is_true(request.arguments, "allow_paid_broadcast")
    admission = request.bot.flood.admit(
        chat.chat_id,
        is_group=chat.is_group,
        paid=paid,
        now=time.monotonic(),
    )
    request.journal.note_violation(request.call, admission.violation)
    if admission.retry_after is not None:
        raise ThrottledError(admission.retry_after)
    if admission.hold:
        request.call.held = admission.hold
        await asyncio.sleep(admission.hold)


def _replied_message(arguments: Arguments) -> tuple[int, bool] | None:
    """Read the message to reply to and whether the reply may be dropped."""
    source = arguments.get("reply_parameters")
    if not source:
        old_style = arguments.get("reply_to_message_id", "")
        return (int(old_style), is_true(arguments, "allow_sending_without_reply")) if old_style.isdigit() else None
    try:
        reply = json.loads(source)
    except ValueError:
        raise BadRequestError("can't parse reply parameters JSON object") from None
    if not isinstance(reply, dict) or "message_id" not in reply:
        raise BadRequestError('can\'t find field "message_id"')
    return int(reply["message_id"]), bool(reply.get("allow_sending_without_reply"))


def _check_reply(chat: Chat, reply_to: tuple[int, bool] | None) -> None:
    if reply_to is None:
        return
    message_id, optional = reply_to
    if not optional and chat.message(message_id) is None:
        raise BadRequestError("message to be replied not found")
