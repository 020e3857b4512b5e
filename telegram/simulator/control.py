"""The control API: what a test or a developer sees and orders. On its own port."""

import time
from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from health import NO_TELEMETRY
from telegram.simulator.chat import Chat, ChatState, ChatType, type_of
from telegram.simulator.chat_member import change_state
from telegram.simulator.fault import Fault, FaultKind
from telegram.simulator.migration import tell_migration
from telegram.simulator.page import add_page
from telegram.simulator.people import Id, add_people, known
from telegram.simulator.world import World

PRIVATE_STATES = frozenset(ChatState) - {ChatState.KICKED}
GROUP_STATES = frozenset(ChatState) - {ChatState.BLOCKED}


class ChatOrder(BaseModel):
    """What a chat shall be; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    state: ChatState = ChatState.STARTED
    name: str = ""
    username: str = ""
    language_code: str = "en"
    type: ChatType = ChatType.PRIVATE
    migrate_to: Id | None = None
    can_write: bool = True
    topics: frozenset[int] = frozenset()
    closed_topics: frozenset[int] = frozenset()


class NumberedChatOrder(ChatOrder):
    """An order that says for which chat."""

    chat_id: Id


class FaultOrder(BaseModel):
    """A fault to come."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    method: str | None = None
    chat_id: Id | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    seed: int | None = None
    code: Annotated[int, Field(ge=400, le=599)] = 500
    description: str | None = None
    retry_after: Annotated[int, Field(ge=1)] | None = None
    migrate_to_chat_id: Id | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None


def build_control(world: World) -> FastAPI:
    """Build the control API over one world."""
    app = FastAPI(title="Vestnik simulator", openapi_url=None, telemetry=NO_TELEMETRY)
    for add_routes in (_add_chats, add_people, _add_journal, _add_faults, add_page):
        add_routes(app, world)
    return app


def _add_chats(app: FastAPI, world: World) -> None:
    @app.put("/control/chats/{chat_id}")
    async def put_chat(chat_id: Id, order: ChatOrder) -> dict[str, object]:
        return _shown(_change(world, chat_id, order))

    @app.put("/control/chats")
    async def put_chats(orders: list[NumberedChatOrder]) -> dict[str, int]:
        for order in orders:
            _change(world, order.chat_id, order)
        return {"chats": len(orders)}

    @app.get("/control/chats")
    async def get_chats() -> list[dict[str, object]]:
        return [_shown(chat) for chat in world.chats.values()]

    @app.get("/control/chats/{chat_id}")
    async def get_chat(chat_id: Id) -> dict[str, object]:
        return _shown(known(world, chat_id))

    @app.get("/control/chats/{chat_id}/messages")
    async def get_messages(chat_id: Id) -> list[dict[str, object]]:
        return [message.as_seen() for message in known(world, chat_id).messages]


def _add_journal(app: FastAPI, world: World) -> None:
    @app.get("/control/calls")
    async def get_calls(after: int = 0) -> list[dict[str, object]]:
        return [call.as_json() for call in world.journal.after(after)]

    @app.get("/control/counters")
    async def get_counters() -> dict[str, int]:
        journal = world.journal
        return asdict(journal.counters) | {"rate_last_second": journal.rate_last_second(time.monotonic())}

    @app.get("/control/waits")
    async def get_waits() -> list[dict[str, object]]:
        now = time.monotonic()
        return [wait.as_json() for bot in world.bots.values() for wait in bot.flood.waits(now)]

    @app.post("/control/reset")
    async def reset() -> dict[str, bool]:
        world.reset()
        return {"ok": True}


def _add_faults(app: FastAPI, world: World) -> None:
    @app.post("/control/faults")
    async def post_fault(order: FaultOrder) -> dict[str, object]:
        return _ordered(world.faults.add(Fault(**order.model_dump())))

    @app.get("/control/faults")
    async def get_faults() -> list[dict[str, object]]:
        return [_ordered(fault) for fault in world.faults.orders]

    @app.delete("/control/faults")
    async def delete_faults() -> dict[str, bool]:
        world.faults.clear()
        return {"ok": True}


def _change(world: World, chat_id: int, order: ChatOrder) -> Chat:
    given = {name: getattr(order, name) for name in order.model_fields_set if name != "chat_id"}
    before = world.chat(chat_id)
    kind = given.get("type", before.type if before else type_of(chat_id))
    states = PRIVATE_STATES if kind is ChatType.PRIVATE else GROUP_STATES
    if given.get("state", ChatState.STARTED) not in states:
        raise HTTPException(422, f"chat {chat_id}: a {kind} chat is never {given['state']}")
    chat = world.chat_or_new(chat_id)
    state = given.pop("state", chat.state)
    migrates = before is not None and given.get("migrate_to", before.migrate_to) != before.migrate_to
    for name, value in given.items():
        setattr(chat, name, value)
    if before is None:
        # A chat that is new is no news to the bot.
        chat.state = state
    else:
        change_state(world, chat, state)
    if migrates and chat.migrate_to is not None:
        tell_migration(world, chat, chat.migrate_to)
    return chat


def _shown(chat: Chat) -> dict[str, object]:
    return {
        "chat_id": chat.chat_id,
        "type": chat.type,
        "state": chat.state,
        "name": chat.name,
        "username": chat.username,
        "language_code": chat.language_code,
        "migrate_to": chat.migrate_to,
        "can_write": chat.can_write,
        "topics": sorted(chat.topics),
        "closed_topics": sorted(chat.closed_topics),
        "messages": len(chat.messages),
    }


def _ordered(fault: Fault) -> dict[str, object]:
    names = FaultOrder.model_fields.keys() | {"number", "struck"}
    return {name: getattr(fault, name) for name in sorted(names)}
