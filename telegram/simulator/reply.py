"""The message that a message answers."""

import json
from dataclasses import dataclass

from telegram.simulator.arguments import Arguments, is_true
from telegram.simulator.json_field import WrongFieldError, optional_flag, optional_text, required_int
from telegram.simulator.message import Message
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.world import World


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call wants to answer."""

    message_id: int
    chat_id: str
    """Empty: the chat that the message goes to."""
    optional: bool
    """The message may go without the reply."""

    def find(self, world: World, chat_id: str) -> Message | None:
        """Find the message, or nothing when the reply may be dropped.

        Raises:
            BadRequestError: there is no such message, or no such chat.

        """
        chat = world.addressed_chat({"chat_id": self.chat_id or chat_id})
        message = chat.message(self.message_id)
        if message is None and not self.optional:
            raise BadRequestError("message to be replied not found")
        return message


def read_reply(arguments: Arguments) -> Reply | None:
    """Read `reply_parameters`, or the old `reply_to_message_id`.

    Raises:
        BadRequestError: they are no ReplyParameters.

    """
    if "reply_parameters" not in arguments:
        number = arguments.get("reply_to_message_id", "")
        optional = is_true(arguments, "allow_sending_without_reply")
        return Reply(int(number), "", optional) if number.isdecimal() and int(number) else None
    source = arguments["reply_parameters"]
    if not source:
        return None
    try:
        fields = json.loads(source)
    except ValueError:
        raise BadRequestError("can't parse reply parameters JSON object") from None
    if not isinstance(fields, dict):
        raise BadRequestError("object expected as reply parameters")
    return _read_fields(fields) if fields else None


def _read_fields(fields: dict[str, object]) -> Reply | None:
    try:
        chat_id = optional_text(fields, "chat_id")
        number = required_int(fields, "message_id")
        optional = optional_flag(fields, "allow_sending_without_reply")
    except WrongFieldError as error:
        raise BadRequestError(str(error)[0].lower() + str(error)[1:]) from None
    return Reply(number, chat_id, optional) if number > 0 else None
