"""G11: the HTTP API with recognisable people, texts and secrets: nothing gets out, and nothing is left."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt

from tests.integration.canary import Kind
from tests.integration.canary_stage import CanaryStage
from tests.integration.lookout import Lookout
from tests.integration.stage import PATIENCE_S, TYPE
from tests.integration.test_api_process import running_api, told
from tests.integration.test_forget import contents
from workers.embedded.engine import free_port

# read by Python at its start: lets one question to the database fail, with what it was asked in the message
FAILING = """
import os, asyncpg

whole = asyncpg.connection.Connection.fetchrow
async def fetchrow(*arguments, **named):
    if os.environ["WORDS"] not in f"{arguments}":
        return await whole(*arguments, **named)
    asyncpg.connection.Connection.fetchrow = whole
    raise RuntimeError(f"{arguments}")
asyncpg.connection.Connection.fetchrow = fetchrow
"""


@dataclass(frozen=True, slots=True)
class Client:
    """Calls the API as the canary's people and as its application."""

    mine: CanaryStage
    session: aiohttp.ClientSession
    url: str

    def token(self, number: int) -> str:
        """Sign a person in."""
        now = datetime.now(UTC)
        claims = {"sub": self.mine.recipient(number), "iat": now, "exp": now + timedelta(hours=1)}
        return jwt.encode(claims, self.mine.canary.jwt_secret, "HS256")

    async def call(self, method: str, path: str, token: str, **request: Any) -> int:
        """Call, and tell the status."""
        headers = {"Authorization": f"Bearer {token}", **request.pop("headers", {})}
        async with self.session.request(method, f"{self.url}{path}", headers=headers, **request) as answer:
            await answer.read()
            return answer.status

    async def emit(self, payload: object, *numbers: int) -> int:
        """Emit an event as the application does, by a key with the first person's id in it."""
        who = [self.mine.recipient(number) for number in numbers]
        event = {"type": TYPE, "recipients": who, "payload": payload, "dedupeKey": f"pay/{who[0]}/{len(who)}"}
        return await self.call("POST", "/api/outbox/events", self.mine.canary.consumer_secret, json=event)

    @asynccontextmanager
    async def stream(self, number: int) -> AsyncIterator[aiohttp.StreamReader]:
        """Open a live stream."""
        headers = {"Authorization": f"Bearer {self.token(number)}"}
        async with self.session.get(f"{self.url}/api/notifications/stream", headers=headers) as answer:
            assert answer.status == 200
            yield answer.content


async def arrives(stream: aiohttp.StreamReader, words: str) -> None:
    """Wait until a stream has said this."""
    async with asyncio.timeout(PATIENCE_S):
        while words not in (await stream.readline()).decode():
            continue


async def use(client: Client) -> None:
    """Do all that can be done rightly."""
    mine, one = client.mine, client.token(0)
    async with client.stream(0) as stream:
        assert await client.call("PUT", "/api/preferences", one, json={"language": "en"}) == 200
        assert await client.call("POST", "/api/telegram/binding", one) == 200
        assert await client.call("GET", "/api/telegram/link", one) == 200
        assert await client.emit(mine.payload(), 0) == 200
        shared = {**mine.payload(), "job": f"by {mine.recipient(0)} for {mine.recipient(1)}", "brand": "Rose"}
        assert await client.emit(shared, 0, 1) == 200
        await arrives(stream, mine.recipient(1))
    assert await client.call("GET", "/api/notifications", one) == 200
    assert await client.call("POST", "/api/notifications/read-all", one) == 200
    pull = {"consumer": "crm"}
    assert await client.call("POST", "/api/outbox/pull", mine.canary.consumer_secret, json=pull) == 200
    await mine.stage.sent(3)
    muted = {"categories": [{"category": "money", "channels": {"telegram": False}}]}
    for verb, path, body in (("PUT", "/api/preferences", muted), ("DELETE", "/api/telegram/link", None)):
        await mine.stage.conn.execute(WAIT_AGAIN, mine.recipient(0))
        assert await client.call(verb, path, one, json=body) == 200


WAIT_AGAIN = """
update outbox.delivery set state = 'pending', back = true, reason = null, settled_at = null where recipient = $1
"""


async def misuse(client: Client) -> None:
    """Do what cannot be done, with a canary's words wherever there is room for words."""
    mine, one = client.mine, client.token(0)
    words = f"{mine.canary.recipient} {mine.canary.text} {mine.canary.chat}"
    assert await client.call("GET", "/api/preferences", words.encode().hex()) == 401
    assert await client.call("GET", "/api/preferences", f"{one}x") == 401
    assert await client.call("GET", f"/api/{words}", one, params={words: words}) == 404
    assert await client.call("POST", f"/api/notifications/{words}/read", one) == 422
    assert await client.call("GET", "/api/notifications", one, params={"cursor": words, "limit": words}) == 422
    assert await client.call("PUT", "/api/preferences", one, json={"language": words, words: words}) == 422
    assert await client.call("PUT", "/api/preferences", one, data=words.encode()) == 422
    assert await client.call("POST", "/api/telegram/session", one, json={"initData": words}) == 401
    assert await client.emit(words, 0) == 422
    assert await client.emit({"text": f"{words}\0"}, 0) == 422
    odd = {"x-request-id": words.encode().hex() * 2}
    assert await client.call("GET", "/api/telegram/link", client.token(1), headers=odd) == 500


async def test_nothing_gets_out_of_the_api_and_nothing_is_left(mine: CanaryStage, tmp_path: Path) -> None:
    """People use the API, and it fails and refuses; then they are forgotten, and only what others were told is left."""
    (tmp_path / "sitecustomize.py").write_text(FAILING)
    await mine.people(2)
    metrics = f"127.0.0.1:{free_port()}"
    lookout = Lookout(mine.search, mine.lookout.redis, mine.lookout.files, [metrics])
    given = {"PYTHONPATH": str(tmp_path), "WORDS": f"'{mine.recipient(1)}'", "METRICS_BIND": metrics}
    with running_api(mine.stage, **mine.stage.environment, **given) as (_, url), mine.stage.watching():
        async with lookout.kept(), aiohttp.ClientSession() as session:
            await told(f"{url}/api/health/ready", 200)
            client = Client(mine, session, url)
            tokens = [client.token(number) for number in range(2)]
            await misuse(client)
            await use(client)
            for number in range(2):
                await mine.stage.conn.execute("select outbox.forget($1)", mine.recipient(number))
            assert [await client.call("GET", "/api/notifications", token) for token in tokens] == [401, 401]
    told_of = "".join(file.read_text() for file in mine.stage.folder.glob("*.log"))
    assert ('"reason":"muted"' in told_of, '"reason":"no_link"' in told_of) == (True, True)
    for table, rows in (await contents(mine.stage.conn)).items():
        mine.search.look(f"table {table}", "\n".join(rows).encode(), allowed=frozenset({Kind.TEXT}))
    mine.assert_clean("file .log", "file .json", "redis command", "page metrics", "table outbox.event")
    assert "Rose" in json.dumps(await contents(mine.stage.conn))
