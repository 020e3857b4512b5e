import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message

from telegram.simulator import DEVELOPMENT_TOKEN
from tests.integration.test_simulator import Client, client_of, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_TOKEN = "2000000002:AAAnotherBotOfTheSameWorld"
TERMINATED = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_client() -> AsyncIterator[Client]:
    """Run one simulator for all tests that need no options."""
    async with client_of(no_limits=True, tokens=(DEVELOPMENT_TOKEN, OTHER_TOKEN)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared_client: Client) -> Client:
    """Give a fresh world in which chat 42 has started the bot."""
    shared_client.simulator.world.reset()
    await shared_client.put_chat(42, name="Анна")
    return shared_client


async def say(client: Client, *texts: str, chat_id: int = 42) -> list[int]:
    """Let the person write; give the updates' numbers."""
    answers = [await client.order("POST", f"chats/{chat_id}/say", {"text": text}) for text in texts]
    assert [status for status, _ in answers] == [200] * len(texts)
    return [answer["update_id"] for _, answer in answers]


async def get(client: Client, **arguments: Any) -> list[Any]:
    """Call getUpdates."""
    status, answer = await client.call("getUpdates", **arguments)
    assert status == 200, answer
    updates: list[Any] = answer["result"]
    return updates


async def texts(client: Client, **arguments: Any) -> list[str]:
    """Call getUpdates for what was said."""
    return [update["message"]["text"] for update in await get(client, **arguments)]


def polls(client: Client) -> bool:
    """Tell whether a getUpdates call waits."""
    return client.simulator.world.bots[DEVELOPMENT_TOKEN].poll.waits


async def test_updates_stay_until_an_offset_acknowledges_them(client: Client) -> None:
    """Updates are numbered one by one and are answered again until a higher offset comes."""
    first, second, third = await say(client, "a", "b", "c")
    assert (second, third) == (first + 1, first + 2)
    assert await texts(client) == ["a", "b", "c"]
    assert await texts(client, offset=second, limit=1) == ["b"]
    assert await texts(client) == ["b", "c"]
    assert await texts(client, offset=-1) == ["c"]
    assert await texts(client, offset=third + 1) == []


async def test_get_updates_comes_by_get_too(client: Client) -> None:
    """A query is as good as a body, in any case of the method's name."""
    (number,) = await say(client, "a")
    url = f"{client.simulator.url}/bot{DEVELOPMENT_TOKEN}/GETUPDATES?offset={number}&timeout=0&limit=100"
    async with client.http.get(url) as answer:
        assert [update["update_id"] for update in (await answer.json())["result"]] == [number]


async def test_a_long_poll_is_answered_when_something_happens(client: Client) -> None:
    """A call that waits gets the update that comes during it."""
    poll = asyncio.create_task(texts(client, timeout=50))
    await until(lambda: polls(client))
    await say(client, "a")
    assert await poll == ["a"]


async def test_a_long_poll_ends_with_nothing_when_its_time_is_over(client: Client) -> None:
    """When nothing happens, nothing is answered."""
    assert await texts(client, timeout=1) == []


async def test_a_newer_long_poll_ends_the_older(client: Client) -> None:
    """Of two calls that wait, the older is refused and the newer gets the update."""
    older = asyncio.create_task(client.call("getUpdates", timeout=50))
    await until(lambda: polls(client))
    newer = asyncio.create_task(texts(client, timeout=50))
    assert await older == (409, {"ok": False, "error_code": 409, "description": TERMINATED})
    await say(client, "a")
    assert await newer == ["a"]


async def test_a_second_conflict_is_told_late() -> None:
    """With limits, two pollers do not spin: the second conflict waits, and the third poll is heard meanwhile."""
    async with client_of() as client:
        await client.put_chat(42)
        counters = client.simulator.world.journal.counters
        polling = []
        for number in (1, 2, 3):
            polling.append(asyncio.create_task(client.call("getUpdates", timeout=50)))
            await until(lambda number=number: counters.calls == number and polls(client))  # type: ignore[misc]
        assert (await polling[0])[0] == 409
        assert not polling[1].done()
        await say(client, "a")
        assert [(await polling[2])[0], (await polling[1])[0]] == [200, 409]


async def test_with_limits_a_short_poll_from_the_same_offset_becomes_a_long_one() -> None:
    """Who asks again at once from the same offset waits as in a long poll, and gets what comes meanwhile."""
    async with client_of() as client:
        await client.put_chat(42)
        assert await texts(client, offset=5) == []
        second = asyncio.create_task(texts(client, offset=5))
        await until(lambda: polls(client))
        await say(client, "a")
        assert await second == ["a"]


async def test_a_client_that_hangs_up_loses_nothing(client: Client) -> None:
    """A long poll whose client has gone ends, and the next call gets what came after."""
    poll = asyncio.create_task(client.call("getUpdates", timeout=50))
    await until(lambda: polls(client))
    poll.cancel()
    await until(lambda: not polls(client))
    await say(client, "a")
    assert await texts(client) == ["a"]


async def test_a_poller_goes_on_over_a_reset(client: Client) -> None:
    """The numbers grow on when the world is forgotten, so that an old offset swallows nothing new."""
    numbers = await say(client, "a", "b", "c")
    poll = asyncio.create_task(texts(client, offset=numbers[-1] + 1, timeout=50))
    await until(lambda: polls(client))
    await client.order("POST", "reset")
    assert await poll == []
    await client.put_chat(42)
    (number,) = await say(client, "d")
    assert number == numbers[-1] + 1
    assert await texts(client, offset=number) == ["d"]


async def test_each_bot_has_its_own_updates(client: Client) -> None:
    """What is said to one bot is not the other's."""
    await say(client, "a")
    status, _ = await client.order("POST", "chats/42/say", {"text": "b", "bot_id": 2000000002})
    assert status == 200
    _, answer = await client.call("getUpdates", token=OTHER_TOKEN)
    assert [update["message"]["text"] for update in answer["result"]] == ["b"]
    assert await texts(client) == ["a"]
    assert (await client.order("POST", "chats/42/say", {"text": "c", "bot_id": 3}))[0] == 404


async def test_allowed_updates_hold_until_they_are_changed(client: Client) -> None:
    """A kind that the bot has not allowed is never kept, also when it is allowed later."""
    await get(client, allowed_updates=["my_chat_member"])
    assert await say(client, "a") == [None]
    assert await get(client) == []
    await get(client, allowed_updates=[])
    await say(client, "b")
    assert await texts(client) == ["b"]


async def test_an_ordered_fault_strikes_get_updates_too(client: Client) -> None:
    """A fault is answered instead of the updates, which stay."""
    await say(client, "a")
    await client.order("POST", "faults", {"kind": "error", "code": 502, "method": "getUpdates", "times": 1})
    assert (await client.call("getUpdates"))[0] == 502
    assert await texts(client) == ["a"]


async def test_aiogram_polls_it_unchanged(client: Client) -> None:
    """Aiogram's own long polling gets a message, answers it, and stops cleanly."""
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def echo(message: Message) -> None:
        await message.answer(f"{message.text} {message.from_user and message.from_user.language_code}")

    session = AiohttpSession(api=TelegramAPIServer.from_base(client.simulator.url))
    async with Bot(DEVELOPMENT_TOKEN, session=session) as bot:
        polling = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False))
        await until(lambda: polls(client))
        await say(client, "hello")
        chat = client.simulator.world.chats[42]
        await until(lambda: len(chat.messages) == 2)
        await dispatcher.stop_polling()
        await polling
    assert chat.messages[1].content.text == "hello en"


async def test_the_simulator_ends_although_somebody_polls() -> None:
    """A long poll keeps no simulator alive; it is answered as if nothing had happened."""
    async with client_of() as client:
        poll = asyncio.create_task(client.call("getUpdates", timeout=50))
        await until(lambda: polls(client))
        client.simulator.world.leave()
        assert await poll == (200, {"ok": True, "result": []})
