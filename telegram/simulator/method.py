"""The methods that the simulator answers, by their names in lower case."""

from collections.abc import Awaitable, Callable

from telegram.simulator.answer import Answer, granted
from telegram.simulator.answer_callback_query import answer_callback_query
from telegram.simulator.command import delete_my_commands, get_my_commands, set_my_commands
from telegram.simulator.delete_message import delete_message, delete_messages
from telegram.simulator.edit_message_text import edit_message_reply_markup, edit_message_text
from telegram.simulator.get_updates import get_updates
from telegram.simulator.membership import get_chat_member, leave_chat
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.request import Request
from telegram.simulator.send_message import send_message
from telegram.simulator.set_webhook import delete_webhook, get_webhook_info, set_webhook

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


async def send_chat_action(request: Request) -> Answer:
    """Check what would be shown above the chat; nobody sees it here.

    Raises:
        RefusedError: an unknown action, or a chat out of reach.

    """
    if request.arguments.get("action", "").lower() not in CHAT_ACTIONS:
        raise BadRequestError("wrong parameter action in request")
    chat = request.world.addressed_chat(request.arguments)
    chat.check_access()
    chat.check_recipient()
    return granted(result=True)


async def agree(request: Request) -> Answer:  # noqa: ARG001  a method takes its request
    """Answer that it is done: there is no other server to move the bot to."""
    return granted(result=True)


CHAT_ACTIONS = frozenset(
    {
        "cancel",
        "typing",
        "record_video",
        "upload_video",
        "record_audio",
        "record_voice",
        "upload_audio",
        "upload_voice",
        "upload_photo",
        "upload_document",
        "choose_sticker",
        "pick_up_location",
        "find_location",
        "record_video_note",
        "upload_video_note",
    },
)

METHODS: dict[str, Method] = {
    "getme": get_me,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "leavechat": leave_chat,
    "getupdates": get_updates,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
    "sendmessage": send_message,
    "sendchataction": send_chat_action,
    "editmessagetext": edit_message_text,
    "editmessagereplymarkup": edit_message_reply_markup,
    "deletemessage": delete_message,
    "deletemessages": delete_messages,
    "answercallbackquery": answer_callback_query,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "deletemycommands": delete_my_commands,
    "logout": agree,
    "close": agree,
}
