"""The commands that a bot shows in its menu: setMyCommands, getMyCommands, deleteMyCommands."""

import json
import re

from telegram.simulator.answer import Answer, granted
from telegram.simulator.arguments import Arguments, is_unicode
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.request import Request

MOST_COMMANDS = 100
LONGEST_DESCRIPTION = 256
_NAME = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"([a-z]{2})?")
_SCOPES = frozenset(
    {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    },
)
Command = dict[str, str]


async def set_my_commands(request: Request) -> Answer:
    """Keep the commands for a scope and a language.

    Raises:
        BadRequestError: what is given are none.

    """
    commands = _read_commands(request.arguments.get("commands", ""))
    request.bot.commands[_place(request.arguments)] = commands
    return granted(result=True)


async def get_my_commands(request: Request) -> Answer:
    """Answer the commands of exactly that scope and language."""
    return granted(request.bot.commands.get(_place(request.arguments), []))


async def delete_my_commands(request: Request) -> Answer:
    """Forget the commands of a scope and a language."""
    request.bot.commands.pop(_place(request.arguments), None)
    return granted(result=True)


def _place(arguments: Arguments) -> tuple[str, str]:
    source = arguments.get("scope") or '{"type": "default"}'
    try:
        scope = json.loads(source)
    except ValueError:
        raise BadRequestError("can't parse BotCommandScope JSON object") from None
    if not isinstance(scope, dict):
        raise BadRequestError("BotCommandScope must be an Object")
    if scope.get("type") not in _SCOPES:
        raise BadRequestError("can't parse BotCommandScope: Unsupported type specified")
    language = arguments.get("language_code", "")
    if not _LANGUAGE.fullmatch(language):
        raise BadRequestError("invalid language code specified")
    return json.dumps(scope, sort_keys=True), language


def _read_commands(source: str) -> list[Command]:
    try:
        values = json.loads(source) if source else []
    except ValueError:
        raise BadRequestError("can't parse commands JSON object") from None
    if not isinstance(values, list):
        raise BadRequestError("expected an Array of BotCommand")
    if len(values) > MOST_COMMANDS:
        raise BadRequestError("BOT_COMMANDS_TOO_MUCH")
    return [_read_command(value) for value in values]


def _read_command(value: object) -> Command:
    if not isinstance(value, dict):
        raise BadRequestError("can't parse BotCommand: expected an Object")
    fields = {name: value.get(name) for name in ("command", "description")}
    for name, field in fields.items():
        if not isinstance(field, str):
            raise BadRequestError(f"can't parse BotCommand: Can't find field \"{name}\"")
    if not all(is_unicode(str(field)) for field in fields.values()):
        raise BadRequestError("strings must be encoded in UTF-8")
    command, description = str(fields["command"]).lstrip("/"), str(fields["description"]).strip()
    if not _NAME.fullmatch(command):
        raise BadRequestError("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= LONGEST_DESCRIPTION:
        raise BadRequestError("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command, "description": description}
