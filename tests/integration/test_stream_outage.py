"""The live stream while something is away: nothing is missed and nothing comes twice."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from health import read as read_health
from inapp import stream_hub
from inapp.session import Tokens
from outbox.database.connection import Connection
from tests.integration.api_stage import JWT_SECRET, SECRETS, ApiStage, api_settings, api_stage
from tests.integration.stage import PATIENCE_S, Stage, until
from tests.integration.stream_client import Told, following, relayed, streaming
from workers.embedded.child_process import process
from workers.embedded.engine import Postgres, free_port

NOTHING_LISTENS = "redis://127.0.0.1:9"


def numbers(*tellings: Told) -> list[int]:
    """Tell which events were told, in their order."""
    return [int(link.rpartition("/")[2]) for told in tellings for link in reversed(told.links)]


async def test_two_processes_tell_the_same(api: ApiStage, database_url: str, redis_url: str, conn: Connection) -> None:
    """Streams in two API processes are told the same events, by one signal."""
    async with (
        api_stage(api_settings(database_url, redis_url)) as second,
        streaming(api, "alice") as one,
        streaming(second, "alice") as other,
    ):
        await one.told()
        await other.told()
        await relayed(conn, api.world.signal, 1, "alice")
        assert (await one.told()).data == (await other.told()).data


async def test_without_redis_the_hub_finds_everything_by_looking(database_url: str, conn: Connection) -> None:
    """While Redis is away, streams are told all the same, each event once."""
    async with api_stage(api_settings(database_url, NOTHING_LISTENS)) as api, streaming(api, "alice") as client:
        tellings = [await client.told()]
        for number in (1, 2):
            await relayed(conn, api.world.signal, number, "alice")
            tellings += await client.until_version(number)
    assert numbers(*tellings) == [1, 2]


async def test_redis_back_again_is_listened_to(
    api: ApiStage, redis_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After FLUSHALL and a broken connection the hub listens anew, and looks for what it may have missed."""
    monkeypatch.setattr(stream_hub, "LOOK_EVERY_S", 3600)
    redis = Redis.from_url(redis_url)
    async with streaming(api, "alice") as client:
        tellings = [await client.told()]
        for number in (1, 2, 3):
            await redis.flushall()
            await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await relayed(conn, api.world.signal, number, "alice")
            tellings += await client.until_version(number)
    await redis.aclose()
    assert numbers(*tellings) == [1, 2, 3]


# behind a pooler the one session that is left alone would serve everybody
@pytest.mark.direct
async def test_streams_outlive_postgres(api: ApiStage, postgres: Postgres, conn: Connection) -> None:
    """While PostgreSQL lets nobody in, streams stay open with their heartbeat; then they go on."""
    admin = await asyncpg.connect(postgres.url())
    database = await conn.fetchval("select current_database()")
    api.world.hub.heartbeat_s = 0.05
    async with streaming(api, "alice") as client:
        tellings = [await client.told()]
        await admin.execute(f"alter database {database} allow_connections false")
        await conn.execute("""
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()
        """)
        await relayed(conn, api.world.signal, 1, "alice")
        await client.beats(client.heartbeats + 30)
        await admin.execute(f"alter database {database} allow_connections true")
        tellings += await client.until_version(1)
        await relayed(conn, api.world.signal, 2, "alice")
        tellings += await client.until_version(2)
    await admin.close()
    assert numbers(*tellings) == [1, 2]


@contextmanager
def api_process(stage: Stage, bind: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """Run `vestnik api` for as long as the block lasts; its health file is `NAME.json`."""
    own = {**SECRETS, "HTTP_BIND": bind, "HEALTH_FILE": str(stage.folder / f"{name}.json")}
    with process(["api"], {**stage.environment, **own}, stage.folder / f"{name}.log") as started:
        yield started


async def well(stage: Stage, name: str) -> None:
    """Wait until a process's health file says that all is well."""
    await until(lambda: read_health(stage.folder / f"{name}.json").exit_code == 0)


async def test_a_restart_of_the_api_loses_and_repeats_nothing(stage: Stage, conn: Connection) -> None:
    """SIGTERM ends the streams in order and the process with 0; with Last-Event-ID the next process goes on."""
    bind = f"127.0.0.1:{free_port()}"
    authorization = {"Authorization": f"Bearer {Tokens([JWT_SECRET]).issue('alice', timedelta(hours=1))}"}
    tellings: list[Told] = []
    last_id: str | None = "0"
    async with aiohttp.ClientSession() as session:
        for number, name in ((1, "first"), (3, "second")):
            with api_process(stage, bind, name) as started:
                await well(stage, name)
                async with following(session, f"http://{bind}", authorization, last_id) as client:
                    await relayed(conn, None, number, "alice")
                    tellings += await client.until_version(number)
                    started.terminate()
                    tellings += await client.ended()
                    last_id = client.last_id
                assert await asyncio.to_thread(started.wait, PATIENCE_S) == 0
            await relayed(conn, None, number + 1, "alice")
    assert numbers(*tellings) == [1, 2, 3]
