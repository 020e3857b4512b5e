"""The signal that inboxes have changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from inapp.signal import CHANNEL, EVERYBODY, Signal, digest
from outbox.database.connection import Connection
from tests.integration.stage import PATIENCE_S, Stage
from workers.slices.relay import relay_slice
from workers.slices.time_slice import Slice
from workers.wiring.worker_parts import WorkerParts


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to the test's Redis."""
    client: Redis = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def heard(redis: Redis) -> AsyncIterator[PubSub]:
    """Listen on the channel."""
    async with redis.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(CHANNEL)
        await channel.get_message(timeout=PATIENCE_S)
        yield channel


async def next_of(channel: PubSub) -> bytes:
    """Wait for the next message."""
    async with asyncio.timeout(PATIENCE_S):
        while (message := await channel.get_message(timeout=PATIENCE_S)) is None:
            pass
    data: bytes = message["data"]
    return data


class HeldRedis:
    """A Redis whose answers to PUBLISH wait until they are let through."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.asked = asyncio.Event()
        self.let_through = asyncio.Event()
        self.published = 0

    async def publish(self, channel: str, message: bytes) -> Any:
        """Publish, and answer later."""
        self.published += 1
        await self._redis.publish(channel, message)
        self.asked.set()
        await self.let_through.wait()


async def test_recipients_are_named_by_digests(redis: Redis, heard: PubSub) -> None:
    """A message is 8 bytes for each recipient, and holds none of their names."""
    signal = Signal(redis)
    signal.send(["alice", "bob"])
    message = await next_of(heard)
    assert sorted([message[:8], message[8:]]) == sorted([digest("alice"), digest("bob")])
    assert b"alice" not in message
    # BLAKE2b of 64 bits, as `b2sum -l 64` makes it: processes of two versions talk to each other
    assert digest("alice").hex() == "4deaec0cce54da89"


async def test_what_comes_meanwhile_is_gathered(redis: Redis, heard: PubSub) -> None:
    """While one message is under way, whoever comes next goes together into the one after it, each once."""
    held: Any = HeldRedis(redis)
    signal = Signal(held)
    signal.send(["alice"])
    await asyncio.wait_for(held.asked.wait(), PATIENCE_S)
    for recipient in ("bob", "carol", "bob"):
        signal.send([recipient])
        await asyncio.sleep(0)  # whoever would publish now gets a turn to do it
    assert held.published == 1
    held.let_through.set()
    assert await next_of(heard) == digest("alice")
    message = await next_of(heard)
    assert sorted([message[:8], message[8:]]) == sorted([digest("bob"), digest("carol")])
    await signal.aclose()
    assert held.published == 2


@pytest.mark.parametrize("parts", [[1001], [600, 401]])
async def test_too_many_are_everybody(redis: Redis, heard: PubSub, parts: list[int]) -> None:
    """Over a thousand recipients are not named: the message is for everybody, and the next one names again."""
    signal = Signal(redis)
    for part, count in enumerate(parts):
        signal.send([f"{part}-{number}" for number in range(count)])
    assert await next_of(heard) == EVERYBODY
    signal.send(["alice"])
    assert await next_of(heard) == digest("alice")


async def test_a_redis_that_is_away_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """Without Redis a signal raises nothing, is dropped, and says so once."""
    away: Redis = Redis.from_url("redis://127.0.0.1:9")
    signal = Signal(away)
    for _ in range(3):
        signal.send(["alice"])
        await signal.aclose()
    assert capsys.readouterr().out.count("signal_lost") == 1


async def test_the_relay_signals_whose_inbox_has_changed(
    parts: WorkerParts, stage: Stage, conn: Connection, heard: PubSub
) -> None:
    """After its commit the relay names those who got a notification; by then it can be seen."""
    await stage.emit(1, "alice")
    await relay_slice(parts, Slice(parts, once=True))
    assert await next_of(heard) == digest("alice")
    assert await conn.fetchval("select version from outbox.inbox where recipient = 'alice'") == 1
