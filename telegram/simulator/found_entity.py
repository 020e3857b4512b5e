"""What Telegram finds in a person's text by itself: the commands."""

import re

from telegram.simulator.entity import Entity, utf16_length

_COMMAND = re.compile(r"(?<![\w/<>])/([a-zA-Z0-9_]{1,64})(?:@([a-zA-Z0-9_]{3,32}))?(?![\w/<>])", re.ASCII)


def find_commands(text: str) -> list[Entity]:
    """Mark each /command and /command@bot."""
    return [
        Entity("bot_command", utf16_length(text[: found.start()]), utf16_length(found[0]))
        for found in _COMMAND.finditer(text)
    ]


def addressed_bots(text: str) -> list[str]:
    """Give the bots that the text's commands name, in lower case; an empty word for a command to any bot."""
    return [(found[2] or "").lower() for found in _COMMAND.finditer(text)]
