"""getChatMember and leaveChat."""

from telegram.simulator.answer import Answer, granted
from telegram.simulator.chat import Chat, ChatState
from telegram.simulator.chat_member import bot_status, chat_member, tell_member
from telegram.simulator.integer import read_integer
from telegram.simulator.person import Person
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.request import Request
from telegram.simulator.world import LARGEST_ID


async def get_chat_member(request: Request) -> Answer:
    """Answer how somebody stands in a chat.

    Raises:
        RefusedError: no such chat, or nobody there has that number.

    """
    user_id = read_integer(request.arguments, "user_id", 0, 0, LARGEST_ID)
    if not user_id:
        raise BadRequestError("invalid user_id specified")
    chat = request.world.addressed_chat(request.arguments)
    chat.check_access()
    if user_id == request.bot.bot_id:
        return granted(chat_member(request.bot.as_json(), bot_status(chat)))
    person = _member(chat, user_id)
    if person is None:
        raise BadRequestError("member not found")
    return granted(chat_member(person.as_json(), "member"))


async def leave_chat(request: Request) -> Answer:
    """Take the bot out of a group.

    Raises:
        RefusedError: no such group, or the bot is not in it.

    """
    chat = request.world.addressed_chat(request.arguments)
    chat.check_access()
    if not chat.is_group:
        raise BadRequestError("chat member status can't be changed in private chats")
    chat.state = ChatState.NONE
    tell_member(request.bot, chat, request.bot.as_json(), "member", "left")
    return granted(result=True)


def _member(chat: Chat, user_id: int) -> Person | None:
    if chat.is_group:
        return chat.members.get(user_id)
    return chat.person if user_id == chat.chat_id else None
