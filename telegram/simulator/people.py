"""The control API's routes for what people do and how the bots listen."""

import time
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from telegram.simulator.bot import Bot
from telegram.simulator.chat import Chat
from telegram.simulator.conversation import ImpossibleError, NotThereError, Utterance, say, tap
from telegram.simulator.person import SOMEBODY, Person
from telegram.simulator.refusal import BadRequestError
from telegram.simulator.world import LARGEST_ID, SMALLEST_ID, World

Id = Annotated[int, Field(ge=SMALLEST_ID, le=LARGEST_ID)]


class SomebodyOrder(BaseModel):
    """Who of a group does it; in a private chat there is only one."""

    model_config = ConfigDict(extra="forbid")

    from_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    from_name: str = ""


class SayOrder(SomebodyOrder):
    """What a person writes."""

    text: str
    message_thread_id: int | None = None
    reply_to_message_id: int | None = None
    bot_id: int | None = None
    """To which of several bots; the first without it."""


class TapOrder(SomebodyOrder):
    """Which button a person taps."""

    message_id: int
    data: str


def known(world: World, chat_id: int) -> Chat:
    """Find a chat.

    Raises:
        HTTPException: 404, nobody knows it.

    """
    chat = world.chat(chat_id)
    if chat is None:
        raise HTTPException(404, f"no chat {chat_id}")
    return chat


def add_people(app: FastAPI, world: World) -> None:
    """Mount the routes."""

    @app.post("/control/chats/{chat_id}/say")
    async def post_say(chat_id: Id, order: SayOrder) -> dict[str, object]:
        chat = known(world, chat_id)
        utterance = Utterance(
            order.text,
            _sender(world, chat, order),
            order.message_thread_id,
            order.reply_to_message_id,
        )
        return _said(world, chat, _bot(world, order), utterance)

    @app.post("/control/chats/{chat_id}/tap")
    async def post_tap(chat_id: Id, order: TapOrder) -> dict[str, object]:
        chat = known(world, chat_id)
        try:
            query = tap(world, chat, order.message_id, order.data, _sender(world, chat, order))
        except NotThereError as error:
            raise HTTPException(404, str(error)) from None
        except ImpossibleError as error:
            raise HTTPException(422, str(error)) from None
        return query.as_seen()

    @app.get("/control/chats/{chat_id}/callbacks")
    async def get_callbacks(chat_id: Id) -> list[dict[str, object]]:
        return [query.as_seen() for query in known(world, chat_id).taps]

    @app.get("/control/bots")
    async def get_bots() -> list[dict[str, object]]:
        return [_shown(bot) for bot in world.bots.values()]


def _shown(bot: Bot) -> dict[str, object]:
    return {
        "bot_id": bot.bot_id,
        "username": bot.username,
        "polls": bot.poll.waits,
        "webhook": bot.webhook.url if bot.webhook else "",
        "pending_update_count": len(bot.updates.pending(time.time())),
    }


def _said(world: World, chat: Chat, bot: Bot, utterance: Utterance) -> dict[str, object]:
    try:
        message, update = say(world, chat, bot, utterance)
    except NotThereError as error:
        raise HTTPException(404, str(error)) from None
    except ImpossibleError as error:
        raise HTTPException(422, str(error)) from None
    except BadRequestError as error:
        raise HTTPException(422, error.description) from None
    return message.as_seen() | {"update_id": update and update.update_id}


def _bot(world: World, order: SayOrder) -> Bot:
    bot = world.bot(order.bot_id)
    if bot is None:
        raise HTTPException(404, f"no bot {order.bot_id}")
    return bot


def _sender(world: World, chat: Chat, order: SomebodyOrder) -> Person:
    if not chat.is_group:
        if order.from_id not in (None, chat.chat_id):
            raise HTTPException(422, f"chat {chat.chat_id} is private: nobody else is in it")
        return chat.person
    if order.from_id is None:
        return SOMEBODY
    private = world.chat(order.from_id)
    name = order.from_name or f"Person {order.from_id}"
    return private.person if private else chat.members.get(order.from_id, Person(order.from_id, name))
