"""The methods that the simulator answers, by their names in lower case."""

from collections.abc import Awaitable, Callable

from telegram.simulator.answer import Answer, granted
from telegram.simulator.edit_message_text import edit_message_text
from telegram.simulator.request import Request
from telegram.simulator.send_message import send_message

Method = Callable[[Request], Awaitable[Answer]]


async def get_me(request: Request) -> Answer:
    """Answer who the bot is."""
    return granted(
        request.bot.as_json()
        | {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False},
    )


async def get_chat(request: Request) -> Answer:
    """Answer what is known of a chat."""
    chat = request.world.addressed_chat(request.arguments)
    chat.check_access()
    return granted(chat.as_json())


async def delete_webhook(request: Request) -> Answer:  # noqa: ARG001  a method takes its request
    """Answer that there is none."""
    return granted(result=True, description="Webhook is already deleted")


METHODS: dict[str, Method] = {
    "getme": get_me,
    "getchat": get_chat,
    "deletewebhook": delete_webhook,
    "sendmessage": send_message,
    "editmessagetext": edit_message_text,
}
