"""The person at the other end, by the simulator's control API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from telegram.simulator import RunningSimulator, SimulatorOptions, running
from tests.integration.stage import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Person:
    """One person with one chat, and what the simulator has seen of the bot."""

    chat_id: int
    simulator: RunningSimulator
    http: aiohttp.ClientSession

    async def order(self, verb: str, path: str, body: object = None) -> Any:
        """Call the control API."""
        url = f"{self.simulator.control_url}/control/{path}"
        async with self.http.request(verb, url, json=body) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return told

    async def is_in(self, chat_id: int, **fields: object) -> None:
        """Make or change a chat."""
        await self.order("PUT", f"chats/{chat_id}", fields)

    async def say(self, text: str) -> None:
        """Write to the bot."""
        await self.order("POST", f"chats/{self.chat_id}/say", {"text": text})

    async def tap(self, message_id: int, data: str) -> None:
        """Tap a button."""
        await self.order("POST", f"chats/{self.chat_id}/tap", {"message_id": message_id, "data": data})

    async def history(self) -> list[dict[str, Any]]:
        """See the chat, oldest message first."""
        messages: list[dict[str, Any]] = await self.order("GET", f"chats/{self.chat_id}/messages")
        return messages

    async def refusals(self) -> list[int]:
        """List the codes of the bot's calls that were refused."""
        calls = await self.order("GET", "calls")
        # A long poll that its client has broken off may still be told of the webhook that is set next: nobody hears it.
        heard = [call["decision"] for call in calls if call["method"].lower() != "getupdates"]
        return [decision for decision in heard if isinstance(decision, int)]


@asynccontextmanager
async def living(chat_id: int, **options: Any) -> AsyncIterator[Person]:
    """Run a simulator with one person who has started the bot."""
    async with (
        running(SimulatorOptions(port=0, control_port=0, **options)) as simulator,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S)) as http,
    ):
        person = Person(chat_id, simulator, http)
        await person.is_in(chat_id, state="started", name="Анна", language_code="ru")
        yield person
