"""A stage for tests of the HTTP API: the application served on a loopback port, in the test's own loop.

`status, headers, body = await api.get("/api/notifications", as_="alice")`: each answer is held to the envelope.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import aiohttp
import jwt

from health import Health, listen, port_of, serve
from inapp.api import Dependencies, build_api
from outbox.database.connection import Pool
from tests.integration.stage import settings
from workers.configuration.settings import Settings
from workers.serving.api_process import USES, Api, furnish

JWT_SECRET, OLD_JWT_SECRET = "the-application-signs-with-this-secret", "and-until-last-week-with-this-one-here"
CONSUMER_SECRET, OLD_CONSUMER_SECRET = "the-application-comes-with-this-secret", "or-with-the-one-of-last-week-as-yet"
SECRETS = {
    "INBOX_JWT_SECRET": f"{JWT_SECRET} {OLD_JWT_SECRET}",
    "OUTBOX_CONSUMER_SECRET": f"{CONSUMER_SECRET} {OLD_CONSUMER_SECRET}",
    # how often one may ask is one test's subject, and no other's
    "INBOX_RATE": "10000",
}
NOBODY_THERE = "http://127.0.0.1:9"
"""A Bot API that does not answer."""
BARE = ("/api/health", "/api/openapi.json", "/api/docs", "/metrics")
"""What begins so is no endpoint: its answers are in no envelope."""


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """The whole envelope; bytes where there is none."""

    @property
    def data(self) -> Any:
        """Give what was asked for; a refusal fails the test."""
        assert self.body["ok"], self
        return self.body["data"]

    @property
    def code(self) -> str:
        """Give the code of a refusal; an answer that is none fails the test."""
        assert not self.body["ok"], self
        code: str = self.body["error"]["code"]
        return code

    @property
    def message(self) -> str:
        """Give the words of a refusal."""
        assert not self.body["ok"], self
        message: str = self.body["error"]["message"]
        return message


@dataclass(frozen=True, slots=True)
class ApiStage:
    """The API as its callers see it."""

    parts: Api
    url: str
    session: aiohttp.ClientSession

    @property
    def world(self) -> Dependencies:
        """Lend what the endpoints stand on."""
        return self.parts.world

    @property
    def pool(self) -> Pool:
        """Lend the application's connections."""
        return self.world.pool

    async def get(self, path: str, as_: str | None = None, **more: Any) -> Reply:
        """GET a path; `call` says what more there is."""
        return await self.call("GET", path, as_, **more)

    async def post(self, path: str, as_: str | None = None, **more: Any) -> Reply:
        """POST to a path; `call` says what more there is."""
        return await self.call("POST", path, as_, **more)

    async def put(self, path: str, as_: str | None = None, **more: Any) -> Reply:
        """PUT to a path; `call` says what more there is."""
        return await self.call("PUT", path, as_, **more)

    async def delete(self, path: str, as_: str | None = None, **more: Any) -> Reply:
        """DELETE a path; `call` says what more there is."""
        return await self.call("DELETE", path, as_, **more)

    async def application(self, method: str, path: str, **more: Any) -> Reply:
        """Call as the application does, with its secret; `call` says what more there is."""
        return await self.call(method, path, token=CONSUMER_SECRET, **more)

    async def call(
        self,
        method: str,
        path: str,
        as_: str | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Reply:
        """Call as a recipient, with a token or without any; `json`, `data` and `params` are aiohttp's."""
        given = {**self.authorization(as_, token), **(headers or {})}
        async with self.session.request(method, f"{self.url}{path}", headers=given, **request) as answer:
            enveloped = answer.content_type == "application/json" and not path.startswith(BARE)
            body = await answer.json() if enveloped else await answer.read()
            reply = Reply(answer.status, answer.headers, body)
        if "Access-Control-Request-Method" not in given and not path.startswith(BARE):
            assert_enveloped(reply)
        return reply

    def count(self, metric: str, **labels: str) -> float:
        """Read one of the API's metrics."""
        return self.world.metrics.registry.get_sample_value(f"vestnik_{metric}", labels) or 0.0

    def authorization(self, as_: str | None = None, token: str | None = None) -> dict[str, str]:
        """Make the header that a recipient comes with: for whoever opens a stream by `session` and `url`."""
        credentials = token if as_ is None else self.token(as_)
        return {} if credentials is None else {"Authorization": f"Bearer {credentials}"}

    def token(self, recipient: str, *, key: str = JWT_SECRET, algorithm: str = "HS256", **claims: object) -> str:
        """Make a token as the application does, with other claims than usual; None leaves one out."""
        now = datetime.now(UTC)
        usual = {"sub": recipient, "iat": now, "exp": now + timedelta(hours=1)}
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(said, key, algorithm)


def assert_enveloped(reply: Reply) -> None:
    """Assert that an answer is in the envelope, whole, and under the id that its header tells."""
    status, headers, body = reply
    assert isinstance(body, dict), reply
    assert body["requestId"] == headers["x-request-id"] != ""
    if status < 400:
        assert set(body) == {"ok", "data", "requestId"}, reply
        assert body["ok"] is True
        return
    assert set(body) == {"ok", "error", "requestId"}, reply
    assert body["ok"] is False
    assert set(body["error"]) == {"code", "message"}, reply
    assert body["error"]["message"] != ""


@asynccontextmanager
async def api_stage(environment: Mapping[str, str]) -> AsyncIterator[ApiStage]:
    """Serve the API of these settings for as long as the block lasts, wired as `vestnik api` does it."""
    given: dict[str, Any] = {name.lower(): value for name, value in {**SECRETS, **environment}.items()}
    async with furnish(Settings(**given), Health("api", "a1", USES)) as parts:
        listener = listen("127.0.0.1:0")
        url = f"http://127.0.0.1:{port_of(listener)}"
        serving = asyncio.create_task(serve(build_api(parts.world), listener, parts.stopping, timedelta(seconds=1)))
        hub = asyncio.create_task(parts.world.hub.run())
        # none waits for a connection of another's
        connector = aiohttp.TCPConnector(limit=0)
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                yield ApiStage(parts, url, session)
        finally:
            parts.stopping.set()
            hub.cancel()
            await asyncio.gather(serving, hub, return_exceptions=True)


def api_settings(database_url: str, redis_url: str) -> dict[str, str]:
    """Give the environment of an API over the sample catalog whose bot is out of reach."""
    return settings(database_url, redis_url, NOBODY_THERE)
