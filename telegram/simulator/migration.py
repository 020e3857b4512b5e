"""A group becomes a supergroup: what the bot is told."""

import time

from telegram.simulator.chat import Chat
from telegram.simulator.person import SOMEBODY
from telegram.simulator.update import UpdateKind
from telegram.simulator.world import World


def tell_migration(world: World, group: Chat, supergroup_id: int) -> None:
    """Tell the bots in the old chat where it has gone, and in the new one where it comes from."""
    supergroup = world.chat_or_new(supergroup_id)
    for chat, field, other in (
        (group, "migrate_to_chat_id", supergroup_id),
        (supergroup, "migrate_from_chat_id", group.chat_id),
    ):
        # Nobody reads it as a message, but it has taken a number.
        chat.last_message_id = chat.next_message_id()
        for bot in world.bots.values():
            body: dict[str, object] = {
                "message_id": chat.last_message_id,
                "from": SOMEBODY.as_json(),
                "chat": chat.as_json(),
                "date": int(time.time()),
                field: other,
            }
            bot.tell(UpdateKind.MESSAGE, chat.chat_id, body)
