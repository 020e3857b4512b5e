"""sendMessage, with every check in the real server's order."""

import asyncio
import time

from telegram.simulator.answer import Answer, granted
from telegram.simulator.arguments import Arguments, is_true
from telegram.simulator.chat import Chat
from telegram.simulator.keyboard import check_keyboard, read_keyboard, with_checked_links
from telegram.simulator.link_preview import read_link_preview
from telegram.simulator.message import Message
from telegram.simulator.refusal import ThrottledError
from telegram.simulator.reply import read_reply
from telegram.simulator.request import Request
from telegram.simulator.text import checked_length, read_text


async def send_message(request: Request) -> Answer:
    """Check, pace and deliver one message.

    Raises:
        RefusedError: the first check that fails.

    """
    arguments = request.arguments
    raw = read_text(arguments)
    reply = read_reply(arguments)
    keyboard = read_keyboard(arguments)
    chat = request.world.addressed_chat(arguments)
    chat.check_access()
    reply_to = reply.find(request.world, arguments["chat_id"]) if reply else None
    thread_id = _thread_id(arguments)
    chat.check_topic(str(thread_id))
    keyboard = with_checked_links(keyboard)
    content = checked_length(raw)
    chat.check_rights()
    await pace(request, chat)
    check_keyboard(keyboard)
    chat.check_recipient()
    silent = is_true(arguments, "disable_notification")
    message = Message(
        chat.next_message_id(),
        int(time.time()),
        content,
        keyboard,
        silent,
        bot_id=request.bot.bot_id,
        thread_id=thread_id or None,
        reply_to=reply_to if reply is None or reply.chat_id in ("", arguments["chat_id"]) else None,
        protected=is_true(arguments, "protect_content"),
        link_preview=read_link_preview(arguments),
    )
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


def _thread_id(arguments: Arguments) -> int:
    """Read the topic; what is no number is none, as on the real server."""
    number = arguments.get("message_thread_id", "")
    return int(number) if number.isdecimal() else 0
