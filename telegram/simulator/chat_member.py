"""How the bot stands in a chat, and the update that says so when it changes."""

import time

from telegram.simulator.bot import Bot
from telegram.simulator.chat import Chat, ChatState
from telegram.simulator.person import SOMEBODY
from telegram.simulator.update import UpdateKind
from telegram.simulator.world import World

_IN_PRIVATE = {ChatState.STARTED: "member", ChatState.BLOCKED: "kicked"}
"""What the Bot API calls the states; it tells only about blocking and unblocking."""
_IN_GROUP = {ChatState.STARTED: "member", ChatState.KICKED: "kicked", ChatState.NONE: "left"}


def change_state(world: World, chat: Chat, state: ChatState) -> None:
    """Let the person or the group treat the bots so; whoever is concerned gets `my_chat_member`."""
    before, chat.state = chat.state, state
    words = _IN_GROUP if chat.is_group else _IN_PRIVATE
    if before is state or before not in words or state not in words:
        return
    by = (SOMEBODY if chat.is_group else chat.person).as_json()
    for bot in world.bots.values():
        tell_member(bot, chat, by, words[before], words[state])


def tell_member(bot: Bot, chat: Chat, by: dict[str, object], before: str, after: str) -> None:
    """Tell a bot that somebody has changed how it stands in a chat."""
    body: dict[str, object] = {
        "chat": chat.as_json(),
        "from": by,
        "date": int(time.time()),
        "old_chat_member": chat_member(bot.as_json(), before),
        "new_chat_member": chat_member(bot.as_json(), after),
    }
    bot.tell(UpdateKind.MY_CHAT_MEMBER, chat.chat_id, body)


def chat_member(user: dict[str, object], status: str) -> dict[str, object]:
    """Write a ChatMember as the Bot API does."""
    fields: dict[str, object] = {"user": user, "status": status}
    if status == "kicked":
        fields["until_date"] = 0
    return fields


def bot_status(chat: Chat) -> str:
    """Name how the bot stands in a chat."""
    return (_IN_GROUP if chat.is_group else _IN_PRIVATE).get(chat.state, "left")
