"""`vestnik bot` as a process: it starts whatever is away, ends in order, and lets nothing of anybody get out."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from redis.asyncio import Redis

from health import read as read_health
from outbox import binding
from tests.integration.bot_stage import said
from tests.integration.stage import Stage, Watching, until, until_true
from workers.embedded.child_process import process
from workers.embedded.engine import free_port

BORIS = 1_234_567_891


@contextmanager
def bot(stage: Stage, name: str = "bot", **environment: str) -> Iterator[Watching]:
    """Run a bot for as long as the block lasts."""
    log, health = stage.folder / f"{name}.log", stage.folder / f"{name}.json"
    own = {**stage.environment, "INSTANCE": name, "HEALTH_FILE": str(health), **environment}
    with process(["bot"], own, log) as started:
        yield Watching(started, name, log, health)


async def say(stage: Stage, text: str) -> Any:
    """Let Boris write."""
    return await stage.order("POST", f"chats/{BORIS}/say", {"text": text})


async def test_the_way_of_a_person(stage: Stage) -> None:
    """Linked, spoken to and unlinked by a real process, which ends with 0 and has logged facts and nobody."""
    name = "Aglaja-Nobody-Else"
    await stage.order("PUT", f"chats/{BORIS}", {"state": "started", "name": name})
    token = await binding.request(stage.conn, "boris-the-recipient")
    metrics = f"127.0.0.1:{free_port()}"
    with bot(stage, METRICS_BIND=metrics, LOG_LEVEL="debug") as running:
        await say(stage, f"/start {token}")
        assert (await said(stage, BORIS, 1))[0].startswith("✅ Connected.")
        await say(stage, "a sentence of mine")
        await said(stage, BORIS, 2)
        await running.healthy()
        async with aiohttp.request("GET", f"http://{metrics}/api/health/ready") as answer:
            assert answer.status == 200
            assert set((await answer.json())["checks"]) == {"postgres", "redis", "telegram", "relay"}
        async with aiohttp.request("GET", f"http://{metrics}/metrics") as answer:
            page = await answer.text()
        assert 'vestnik_updates_total{kind="message",outcome="handled"} 2.0' in page
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
    assert [line["event"] for line in running.lines("chat_linked")] == ["chat_linked"]
    redis = Redis.from_url(stage.environment["REDIS_URL"])
    seen = page + running.log.read_text() + running.health.read_text() + str([key async for key in redis.scan_iter()])
    await redis.aclose()
    for secret in (
        str(BORIS),
        token,
        name,
        "a sentence",
        "boris-the-recipient",
        stage.environment["TELEGRAM_BOT_TOKEN"],
    ):
        assert secret not in seen


async def test_the_commands_stand_in_the_menu(stage: Stage) -> None:
    """In English for everybody, and in Russian for those whose Telegram is Russian."""
    base = f"{stage.environment['TELEGRAM_API_BASE']}/bot{stage.environment['TELEGRAM_BOT_TOKEN']}/getMyCommands"
    scope = json.dumps({"type": "all_private_chats"})

    async def menu(language: str) -> dict[str, str]:
        body = {"scope": scope, "language_code": language}
        async with aiohttp.request("POST", base, data=body) as answer:
            commands = (await answer.json())["result"]
        return {command["command"]: command["description"] for command in commands}

    with bot(stage):

        async def published() -> bool:
            return bool(await menu("") and await menu("ru"))

        await until_true(published)
    assert (await menu(""))["stop"] == "Disconnect this chat"
    assert (await menu("ru"))["stop"] == "Отключить этот чат"
    assert list(await menu("ru")) == ["start", "settings", "status", "stop", "help"]


async def test_two_processes_at_a_time(stage: Stage) -> None:
    """For a moment two run, as when a new one is put into place: each update is answered once, none is lost."""
    await stage.order("PUT", f"chats/{BORIS}", {"state": "started"})
    with bot(stage, "b1") as first, bot(stage, "b2") as second:
        await until(lambda: bool(first.lines("bot_started") and second.lines("bot_started")))
        for number in range(12):
            await say(stage, "/help")
            await said(stage, BORIS, number + 1)

        def conflict() -> bool:
            files = [one.health for one in (first, second) if one.health.exists()]
            return any("only one may" in file.read_text() for file in files)

        await until(conflict)
        second.process.send_signal(signal.SIGTERM)
        assert await second.ended() == 0
        await first.healthy()
        await say(stage, "/status")
        answers = await said(stage, BORIS, 13)
    assert [answer.startswith("I bring") for answer in answers] == [True] * 12 + [False]


async def test_it_starts_although_everything_is_away(stage: Stage) -> None:
    """It says what is missing, and a SIGTERM ends it in order all the same."""
    nowhere = f"127.0.0.1:{free_port()}"
    away = {
        "DATABASE_URL": f"postgresql://postgres@{nowhere}/none",
        "REDIS_URL": f"redis://{nowhere}",
        "TELEGRAM_API_BASE": f"http://{nowhere}",
    }
    with bot(stage, **away) as running:
        await until(lambda: bool(running.health.exists() and "out of reach" in running.health.read_text()))
        await until(lambda: read_health(running.health).exit_code == 2)
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_wrong_settings_end_in_one_line(stage: Stage) -> None:
    """A token that is none, a catalog that is missing, a database without the schema."""
    assert "TELEGRAM_BOT_TOKEN" in stage.run("bot", TELEGRAM_BOT_TOKEN="none").complaint
    assert "catalog" in stage.run("bot", CATALOG_DIR="/nowhere").complaint
    assert "WEBHOOK_URL" in stage.run("bot", WEBHOOK_URL="ftp://x").complaint


async def test_an_answer_waits_for_what_telegram_orders(stage: Stage) -> None:
    """A 429 is obeyed once, and the answer comes then."""
    await stage.order("PUT", f"chats/{BORIS}", {"state": "started"})
    fault = {"kind": "error", "code": 429, "retry_after": 1, "method": "sendMessage", "times": 1}
    with bot(stage) as running:
        await until(lambda: bool(running.lines("bot_started")))
        await stage.order("POST", "faults", fault)
        await say(stage, "/help")
        assert len(await said(stage, BORIS, 1)) == 1
        assert running.lines("reply_dropped") == []


async def test_an_answer_that_cannot_be_brought_is_dropped(stage: Stage) -> None:
    """What was decided stays decided, and the log says that somebody was not told."""
    await stage.order("PUT", f"chats/{BORIS}", {"state": "started"})
    token = await binding.request(stage.conn, "boris")
    with bot(stage) as running:
        await until(lambda: bool(running.lines("bot_started")))
        await stage.order("POST", "faults", {"kind": "error", "code": 403, "method": "sendMessage", "times": 1})
        await say(stage, f"/start {token}")
        await until(lambda: bool(running.lines("reply_dropped")))
        assert await stage.conn.fetchval("select count(*) from outbox.telegram_link") == 1
