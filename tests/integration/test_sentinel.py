"""Redis watched over by Sentinel: a failover costs time only."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.integration.redis_server import REDIS, SENTINEL, redis_server
from tests.integration.stage import Stage, until_true
from workers.configuration.settings import Settings
from workers.embedded.engine import free_port
from workers.process.redis_client import connect

PASSWORD = ("requirepass hunter2", "masterauth hunter2")
WATCH = """requirepass look
sentinel monitor mymaster 127.0.0.1 {master} 1
sentinel auth-pass mymaster hunter2
sentinel down-after-milliseconds mymaster 300
sentinel failover-timeout mymaster 2000"""

pytestmark = pytest.mark.skipif(not (REDIS and SENTINEL), reason="no Debian Redis or no Sentinel")


class Process(Protocol):
    """What can be killed."""

    def kill(self) -> None:
        """Kill it."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Two Redis, the second a replica of the first, and a Sentinel over them."""

    master: Process
    url: str
    sentinel: int
    """The port of the Sentinel that is there."""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Run them; the address names a Sentinel that is gone before the one that is there."""
    first, second, sentinel = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        master = stack.enter_context(redis_server(tmp_path, f"port {first}", *PASSWORD))
        stack.enter_context(redis_server(tmp_path, f"port {second}", f"replicaof 127.0.0.1 {first}", *PASSWORD))
        lines = (f"port {sentinel}", *WATCH.format(master=first).splitlines())
        stack.enter_context(redis_server(tmp_path, *lines, program=SENTINEL))
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{sentinel}"
        yield Watched(master, f"redis+sentinel://:hunter2@{hosts}/mymaster/2?sentinel_password=look", sentinel)


async def test_a_failover_loses_nothing(stage: Stage, watched: Watched) -> None:
    """When the master is killed a worker goes on with the next one: each message arrives once and in order."""
    redis = connect(Settings.model_validate({"redis_url": watched.url}))
    sentinel = Redis(port=watched.sentinel, password="look")

    async def has_replica() -> bool:
        try:
            found = await redis.info("replication")
        except RedisError:  # a master that was slow for a moment is none to the Sentinel
            return False
        return bool(found["connected_slaves"] == 1 and found["slave0"]["state"] == "online")

    async def knows_replica() -> bool:
        return bool(await sentinel.sentinel_slaves("mymaster"))  # type: ignore[no-untyped-call]  # the library's

    await until_true(has_replica)
    await until_true(knows_replica)
    stage = replace(stage, environment={**stage.environment, "REDIS_URL": watched.url})
    await stage.people({"anna": 11, "boris": 12})
    with stage.watching() as worker:
        await worker.healthy()
        for number in range(5):
            await stage.emit(number, "anna", "boris")
        await stage.sent(10)
        watched.master.kill()
        for number in range(5, 20):
            await stage.emit(number, "anna", "boris")
        await stage.sent(40)
        await worker.healthy()
    assert [await stage.arrived(11), await stage.arrived(12)] == [list(range(20))] * 2
    assert await redis.set("who", "the next one")
    await sentinel.aclose()
    await redis.aclose()
