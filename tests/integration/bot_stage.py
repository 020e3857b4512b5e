"""A stage for tests of the bot: people who write and tap, and a bot that polls in the test's own loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from health import Health
from outbox import binding
from tests.crash.wire import Wire
from tests.integration.stage import Stage, until_true
from workers.configuration.settings import Settings
from workers.serving.bot_process import USES, take_updates
from workers.wiring.bot_parts import BotParts, furnish

ANNA, BORIS = 101, 102
"""Two private chats."""
GROUP = -1001


@dataclass(frozen=True, slots=True)
class BotStage:
    """Where people and the bot meet."""

    stage: Stage
    desk: BotParts

    async def say(self, chat_id: int, text: str, **more: object) -> Any:
        """Let the person of a chat write."""
        return await self.stage.order("POST", f"chats/{chat_id}/say", {"text": text, **more})

    async def tap(self, chat_id: int, data: str) -> Any:
        """Let the person tap a button of the newest message; give what the bot told them, and how."""
        message = (await self.messages(chat_id))[-1]
        order = {"message_id": message["message_id"], "data": data}
        query = await self.stage.order("POST", f"chats/{chat_id}/tap", order)
        return await self.answer(chat_id, query["callback_query_id"])

    async def answer(self, chat_id: int, query_id: str) -> Any:
        """Wait until a tap is answered."""
        found: list[Any] = []

        async def answered() -> bool:
            taps = await self.stage.order("GET", f"chats/{chat_id}/callbacks")
            found[:] = [tap for tap in taps if tap["callback_query_id"] == query_id and tap["answered"]]
            return bool(found)

        await until_true(answered)
        return found[0]

    async def messages(self, chat_id: int) -> list[Any]:
        """Give what the bot has written into a chat, oldest first."""
        messages = await self.stage.order("GET", f"chats/{chat_id}/messages")
        return [message for message in messages if message["from"] == "bot"]

    async def said(self, chat_id: int, count: int) -> list[str]:
        """Wait until the bot has written so many messages; give their texts."""

        async def enough() -> bool:
            return len(await self.messages(chat_id)) >= count

        await until_true(enough)
        return [message["text"] for message in await self.messages(chat_id)]

    async def hears(self, chat_id: int, text: str) -> str:
        """Let the person write, and give the bot's next message."""
        before = len(await self.messages(chat_id))
        await self.say(chat_id, text)
        return (await self.said(chat_id, before + 1))[before]

    async def shows(self, chat_id: int, *words: str) -> Any:
        """Wait until the newest message shows all of this, in its text or on its buttons; give it."""
        found: list[Any] = []

        async def shown() -> bool:
            found[:] = (await self.messages(chat_id))[-1:]
            return bool(found) and all(word in found[0]["text"] + " ".join(labels(found[0])) for word in words)

        await until_true(shown)
        return found[0]

    async def quiet(self) -> None:
        """Wait until every update so far is done with: an answer to a later one has come."""
        await self.stage.order("PUT", "chats/999", {"state": "started"})
        await self.hears(999, "/help")

    async def link(self, recipient: str, chat_id: int) -> None:
        """Let a person link their chat."""
        assert "✅" in await self.hears(chat_id, f"/start {await self.token(recipient)}")

    async def token(self, recipient: str) -> str:
        """Make a binding request as the application does."""
        return await binding.request(self.stage.conn, recipient)

    async def linked(self) -> list[tuple[str, int]]:
        """Tell who has which chat."""
        rows = await self.stage.conn.fetch(
            "select recipient, chat_id from outbox.telegram_link where unlinked_at is null order by 1"
        )
        return [(row["recipient"], row["chat_id"]) for row in rows]

    def count(self, metric: str, **labels: str) -> float:
        """Read one of the bot's metrics."""
        return self.desk.metrics.registry.get_sample_value(f"vestnik_{metric}", labels) or 0.0


def buttons(message: Any) -> list[dict[str, str]]:
    """Give the buttons under a message."""
    return [one for row in (message["reply_markup"] or {"inline_keyboard": []})["inline_keyboard"] for one in row]


def labels(message: Any) -> list[str]:
    """Give the texts of the buttons under a message."""
    return [one["text"] for one in buttons(message)]


def data(message: Any) -> list[str]:
    """Give what the buttons under a message say to the bot."""
    return [one["callback_data"] for one in buttons(message) if "callback_data" in one]


@asynccontextmanager
async def bot_stage(stage: Stage) -> AsyncIterator[BotStage]:
    """Let a bot poll for as long as the block lasts, and two people know it: Anna in Russian, Boris in English."""
    for chat_id, language in ((ANNA, "ru"), (BORIS, "en")):
        await stage.order("PUT", f"chats/{chat_id}", {"state": "started", "language_code": language})
    await stage.order("PUT", f"chats/{GROUP}", {"state": "started", "type": "supergroup"})
    async with desk_of(stage) as desk, polling(desk):
        yield BotStage(stage, desk)


@asynccontextmanager
async def desk_of(stage: Stage, **changed: str) -> AsyncIterator[BotParts]:
    """Furnish a bot's desk on the stage."""
    given = {name.lower(): value for name, value in {**stage.environment, **changed}.items()}
    async with furnish(Settings(**given), Health("bot", "b1", USES)) as desk:  # type: ignore[arg-type]  # from text
        yield desk


@asynccontextmanager
async def polling(desk: BotParts) -> AsyncIterator[None]:
    """Take updates for as long as the block lasts."""
    task = asyncio.create_task(take_updates(desk))
    try:
        yield
    finally:
        desk.stopping.set()
        await task
        await desk.courier.finish(5)


def through_a_wire(database_url: str) -> tuple[Wire, str]:
    """Make a wire to PostgreSQL that nobody has plugged in yet, and the address at its near end."""
    wire = Wire(database_url)
    parts = urlsplit(database_url)
    near = f"{parts.username}@{urlsplit(wire.url).netloc}"
    return wire, parts._replace(netloc=near).geturl()


async def said(stage: Stage, chat_id: int, count: int) -> list[str]:
    """Wait until a chat has got so many answers of the bot's; give them."""
    found: list[str] = []

    async def enough() -> bool:
        messages = await stage.order("GET", f"chats/{chat_id}/messages")
        found[:] = [message["text"] for message in messages if message["from"] == "bot"]
        return len(found) >= count

    await until_true(enough)
    return found
