"""The webhook, in a real `vestnik bot`: Telegram sends updates, and nobody else can."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from outbox import binding
from telegram.bot.webhook_route import MOST_BYTES, secret_of
from telegram.simulator import DEVELOPMENT_TOKEN
from tests.integration.bot_stage import said, through_a_wire
from tests.integration.stage import Stage, until, until_true
from workers.embedded.child_process import process
from workers.embedded.engine import free_port

BORIS = 102
HEADER = "X-Telegram-Bot-Api-Secret-Token"
SECRET = secret_of(DEVELOPMENT_TOKEN)


@dataclass(frozen=True, slots=True)
class Hook:
    """A running bot with a webhook."""

    stage: Stage
    url: str
    metrics: str

    async def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        """Post to the webhook; give status and body."""
        async with aiohttp.request("POST", self.url, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def metric(self, name: str) -> float:
        """Read a metric without labels."""
        async with aiohttp.request("GET", f"http://{self.metrics}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    def check(self) -> Any:
        """Read what the health file says of Telegram."""
        file = self.stage.folder / "bot.json"
        return json.loads(file.read_text())["checks"]["telegram"] if file.exists() else {}


@asynccontextmanager
async def hooked(
    stage: Stage, address: str = "http://127.0.0.1:{port}/hooks/telegram", **more: str
) -> AsyncIterator[Hook]:
    """Run a bot with a webhook for as long as the block lasts."""
    port, metrics = free_port(), f"127.0.0.1:{free_port()}"
    own = {
        "INSTANCE": "bot",
        "HEALTH_FILE": str(stage.folder / "bot.json"),
        "WEBHOOK_URL": address.format(port=port),
        "HTTP_BIND": f"127.0.0.1:{port}",
        "METRICS_BIND": metrics,
    }
    with process(["bot"], {**stage.environment, **own, **more}, stage.folder / "bot.log"):
        await until(lambda: "bot_started" in (stage.folder / "bot.log").read_text())
        yield Hook(stage, f"http://127.0.0.1:{port}/hooks/telegram", metrics)


async def is_set(stage: Stage) -> None:
    """Wait until Telegram knows the webhook."""

    async def known() -> bool:
        return bool((await stage.order("GET", "bots"))[0]["webhook"])

    await until_true(known)


async def test_updates_come_in_by_the_webhook(stage: Stage) -> None:
    """What waits and what is said later is handled, each once, also when Telegram posts it again."""
    await stage.order("PUT", f"chats/{BORIS}", {"state": "started"})
    token = await binding.request(stage.conn, "boris")
    await stage.order("POST", f"chats/{BORIS}/say", {"text": "/help"})
    async with hooked(stage):
        await said(stage, BORIS, 1)
        await stage.order("POST", f"chats/{BORIS}/say", {"text": f"/start {token}"})
        assert (await said(stage, BORIS, 2))[1].startswith("✅ Connected.")
    assert len(await said(stage, BORIS, 2)) == 2
    assert await stage.conn.fetchval("select count(*) from outbox.telegram_link") == 1


async def test_who_does_not_know_the_secret_is_told_nothing(stage: Stage) -> None:
    """No secret or a wrong one: 401, an empty answer, counted, and nothing is read of what was posted."""
    async with hooked(stage) as hook:
        await is_set(stage)
        for headers in ({}, {HEADER: "wrong"}, {HEADER: SECRET[:-1]}, {HEADER: "ключ"}):
            assert await hook.post(b'{"update_id": 1}', **headers) == (401, "")
        assert await hook.metric("vestnik_webhook_refused_total") == 4
        async with aiohttp.request("GET", hook.url) as answer:
            assert answer.status == 405
    assert await stage.conn.fetchval("select count(*) from outbox.telegram_update") == 0


WRONG = (
    (b"not json", 200),
    (b"[" * 100_000, 200),
    (b'{"update_id": 1, "message": 5}', 200),
    (b"x" * (MOST_BYTES + 1), 413),
)


async def test_what_is_no_update(stage: Stage) -> None:
    """What cannot be read need not come again; what is too long is not read to its end."""
    async with hooked(stage) as hook:
        await is_set(stage)
        answers = [await hook.post(body, **{HEADER: SECRET}) for body, _ in WRONG]
    assert answers == [(status, "") for _, status in WRONG]


async def test_a_refused_address_is_explained(stage: Stage) -> None:
    """Telegram's reason stands in the health file, in words that quote nothing of the address."""
    async with hooked(stage, "https://10.0.0.1/hooks/s3cret") as hook:
        await until(lambda: "refused" in hook.check().get("detail", ""))
        assert hook.check()["status"] == "unhealthy"
        assert hook.check()["detail"] == (
            "WEBHOOK_URL is refused: Telegram cannot reach an address of a private network"
        )
    assert "s3cret" not in (stage.folder / "bot.log").read_text()


async def test_without_postgres_telegram_shall_come_again(stage: Stage) -> None:
    """An update whose change cannot be kept is answered with 503, and handled when it comes again."""
    await stage.order("PUT", f"chats/{BORIS}", {"state": "started"})
    wire, near = through_a_wire(stage.environment["DATABASE_URL"])
    async with wire, hooked(stage, DATABASE_URL=near) as hook:
        await is_set(stage)
        await wire.cut()
        assert await hook.post(b'{"update_id": 5, "hologram": 1}', **{HEADER: SECRET}) == (503, "")
        await stage.order("POST", f"chats/{BORIS}/say", {"text": "/help"})
        await wire.mend()
        assert len(await said(stage, BORIS, 1)) == 1


async def test_the_webhook_stays_when_the_bot_ends(stage: Stage) -> None:
    """Updates wait at Telegram for the bot that comes next."""
    async with hooked(stage):
        await is_set(stage)
    await is_set(stage)
