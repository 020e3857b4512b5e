"""How updates come in: each once, each by itself, none lost, whatever is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram.methods import GetUpdates
from aiohttp import web
from structlog.testing import capture_logs

from health import CheckName, Status
from outbox.database.connection import Connection
from telegram.bot import poller
from tests.integration.bot_stage import ANNA, BORIS, BotStage, desk_of, polling, through_a_wire
from tests.integration.stage import Stage, until, until_true
from workers.wiring.bot_parts import BotParts


def message(number: int, chat_id: int, text: str, **more: object) -> dict[str, Any]:
    """Write an update as Telegram does."""
    return {
        "update_id": number,
        "message": {
            "message_id": number,
            "date": int(datetime.now(UTC).timestamp()),
            "chat": {"id": chat_id, "type": "private", "first_name": "B"},
            "from": {"id": chat_id, "is_bot": False, "first_name": "B", "language_code": "en"},
            "text": text,
            **more,
        },
    }


async def test_the_same_update_again_changes_and_answers_nothing(bot: BotStage) -> None:
    """Telegram may send an update twice; it is handled once."""
    token = await bot.token("boris")
    update = message(1, BORIS, f"/start {token}")
    for _ in range(3):
        await bot.desk.reception.take(update)
    await bot.quiet()
    await bot.desk.courier.finish(None)
    assert len(await bot.messages(BORIS)) == 1
    assert await bot.linked() == [("boris", BORIS)]
    assert (bot.count("updates_total", kind="message", outcome="repeated")) == 2


async def test_two_bots_at_a_time_answer_once(bot: BotStage, stage: Stage) -> None:
    """Two processes that get the same update in the same moment: one of them handles it."""
    async with desk_of(stage) as other:
        for number in range(10, 20):
            token = await bot.token(f"r{number}")
            update = message(number, BORIS, f"/start {token}")
            await asyncio.gather(*(desk.reception.take(update) for desk in (bot.desk, other)))
        await other.courier.finish(None)
    await bot.desk.courier.finish(None)
    assert len(await bot.messages(BORIS)) == 10
    assert all("✅" in text for text in await bot.said(BORIS, 10))


async def test_unknown_fields_are_nobodys_concern(bot: BotStage) -> None:
    """What a newer Bot API adds does not keep an update from being handled."""
    update = message(1, BORIS, "/help", hologram={"depth": 3}) | {"mood": "good"}
    await bot.desk.reception.take(update)
    assert len(await bot.said(BORIS, 1)) == 1


async def test_an_update_of_an_unknown_kind_is_ignored(bot: BotStage) -> None:
    """It is counted, and that is all."""
    await bot.desk.reception.take({"update_id": 5, "hologram": {"depth": 3}})
    assert bot.count("updates_total", kind="other", outcome="ignored") == 1


UNREADABLE: list[object] = [
    None,
    "update",
    [],
    {},
    {"update_id": "7"},
    {"update_id": 2**70},
    {"update_id": 1, "message": {"chat": "nobody"}},
    message(1, 2**70, "/help"),
    {"update_id": 1, "message": {**message(1, BORIS, "x")["message"], "date": 10**18}},
]


@pytest.mark.parametrize("raw", UNREADABLE)
async def test_an_unreadable_update_is_counted(bot: BotStage, raw: object, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever comes instead of an update is left behind; its content does not get into the log."""
    await bot.desk.reception.take(raw)
    assert bot.count("updates_total", kind="other", outcome="unreadable") == 1
    out = capfd.readouterr().out
    assert "update_unreadable" in out
    assert "nobody" not in out


class FakeTelegram:
    """A Bot API that hands out the batches that a test gives it, and remembers what was acknowledged."""

    def __init__(self) -> None:
        self.batches: list[list[object]] = []
        self.offsets: list[int] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer getUpdates; everything else is granted."""
        method = request.path.rpartition("/")[2]
        if method == "getMe":
            return _granted({"id": 42, "is_bot": True, "first_name": "B", "username": "b_bot"})
        if method != "getUpdates":
            return _granted(result=True)
        form = await request.post()
        self.offsets.append(int(str(form.get("offset", 0))))
        if not self.batches:
            await asyncio.sleep(0.05)
        return _granted(self.batches.pop(0) if self.batches else [])


def _granted(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


@asynccontextmanager
async def fake_telegram() -> AsyncIterator[tuple[FakeTelegram, str]]:
    """Serve it."""
    fake = FakeTelegram()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield fake, f"http://{host}:{port}"
    await runner.cleanup()


async def test_an_unreadable_update_in_the_middle_of_a_batch(stage: Stage, conn: Connection) -> None:
    """Those before and behind it are handled, and all are acknowledged."""
    async with fake_telegram() as (fake, url), desk_of(stage, TELEGRAM_API_BASE=url) as desk, polling(desk):
        broken = {"update_id": 2, "message": {"chat": "nobody"}}
        fake.batches = [[message(1, BORIS, "/help"), broken, message(3, BORIS, "/help")]]
        await until(lambda: 4 in fake.offsets)
    numbers = await conn.fetch("select update_id from outbox.telegram_update order by 1")
    assert [row["update_id"] for row in numbers] == [1, 3]


async def test_a_batch_without_numbers_is_not_asked_for_in_a_circle(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be acknowledged would come at once again."""
    monkeypatch.setattr(poller, "NUMBERLESS_PAUSE_S", 30.0)
    async with fake_telegram() as (fake, url), desk_of(stage, TELEGRAM_API_BASE=url) as desk, polling(desk):
        fake.batches = [[{"message": "?"}]]
        await until(lambda: desk.metrics.registry.get_sample_value(*UNREAD) == 1)
        assert len(fake.offsets) == 1


UNREAD = ("vestnik_updates_total", {"kind": "other", "outcome": "unreadable"})


async def test_what_one_chat_says_is_handled_in_order(stage: Stage, conn: Connection) -> None:
    """Forty messages of two chats in one batch: each chat's in the order in which they were written."""
    async with fake_telegram() as (fake, url), desk_of(stage, TELEGRAM_API_BASE=url) as desk, polling(desk):
        fake.batches = [[message(number, (ANNA, BORIS)[number % 2], "hello") for number in range(1, 41)]]
        await until(lambda: 41 in fake.offsets)
    for chat_id in (ANNA, BORIS):
        rows = await conn.fetch(
            "select update_id from outbox.telegram_update where chat_id = $1 order by handled_at", chat_id
        )
        numbers = [row["update_id"] for row in rows]
        assert numbers == sorted(numbers)
        assert len(numbers) == 20


async def test_a_fault_of_ours_stops_nobody_elses_updates(bot: BotStage) -> None:
    """An update that cannot be handled is tried again, then left; the person is told, and the next ones go on."""
    await bot.stage.conn.execute("alter table outbox.binding_request rename to elsewhere")
    with capture_logs() as lines:
        answer = await bot.hears(BORIS, "/start " + "A" * 32)
    assert answer == "That did not work because of a fault here. Please try again in a while."
    assert [line["event"] for line in lines].count("update_failed") == 3
    assert bot.count("updates_total", kind="message", outcome="failed") == 1
    assert (await bot.hears(BORIS, "/help")).startswith("I bring")


async def test_nothing_is_acknowledged_while_postgres_is_away(stage: Stage, conn: Connection) -> None:
    """Updates wait at Telegram until what they change can be kept; health says what is missing."""
    wire, url = through_a_wire(stage.environment["DATABASE_URL"])
    async with fake_telegram() as (fake, base), desk_of(stage, TELEGRAM_API_BASE=base, DATABASE_URL=url) as desk:
        fake.batches = [[message(1, BORIS, "/help"), message(2, ANNA, "/help")]]
        async with polling(desk):
            await until(lambda: told(desk, CheckName.POSTGRES).startswith("out of reach"))
            assert fake.offsets == [0]
            async with wire:
                await until(lambda: 3 in fake.offsets)
                assert desk.health.checks[CheckName.POSTGRES].status is Status.OK
    assert await conn.fetchval("select count(*) from outbox.telegram_update") == 2


async def test_a_stop_while_postgres_is_away_loses_nothing(stage: Stage) -> None:
    """Whoever polls next gets what was not handled."""
    _, url = through_a_wire(stage.environment["DATABASE_URL"])
    async with fake_telegram() as (fake, base), desk_of(stage, TELEGRAM_API_BASE=base, DATABASE_URL=url) as desk:
        fake.batches = [[message(1, BORIS, "/help")]]
        async with polling(desk):
            await until(lambda: told(desk, CheckName.POSTGRES).startswith("out of reach"))
    assert fake.offsets == [0]


async def test_redis_away_keeps_changes_and_drops_answers(stage: Stage, conn: Connection) -> None:
    """Without the limiter nothing is written to anybody; what people decide is kept all the same."""
    async with desk_of(stage, REDIS_URL="redis://127.0.0.1:1") as desk:
        await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ('boris', $1)", BORIS)
        await desk.reception.take(message(1, BORIS, "/start " + "A" * 32))
        assert await conn.fetchval("select failed_start from outbox.telegram_update")
        await until(lambda: told(desk, CheckName.REDIS) == "out of reach")
        await desk.courier.finish(0)


async def test_a_second_poller(bot: BotStage, stage: Stage) -> None:
    """Another process that polls makes the check unhealthy and says why; when it ends, all is well again."""
    checks = bot.desk.health.checks
    async with desk_of(stage) as other:

        async def conflict() -> bool:
            await other.listener.ask(GetUpdates(timeout=1), 10.0)
            return checks[CheckName.TELEGRAM].status is Status.UNHEALTHY

        await until_true(conflict)
    assert checks[CheckName.TELEGRAM].facts()["detail"] == ("another process reads this bot's updates: only one may")
    await until(lambda: checks[CheckName.TELEGRAM].status is Status.OK)
    assert (await bot.hears(BORIS, "/help")).startswith("I bring")


async def test_a_webhook_that_somebody_sets_is_deleted(bot: BotStage, stage: Stage) -> None:
    """The settings say to poll: a webhook is taken away, at the start and later, and no update is lost."""
    await bot.desk.speaker.bot.set_webhook("https://somewhere.example/hook")
    await bot.say(BORIS, "/help")
    assert (await bot.said(BORIS, 1))[0].startswith("I bring")
    (shown,) = await stage.order("GET", "bots")
    assert shown["webhook"] == ""


async def test_a_refused_token(stage: Stage) -> None:
    """The bot goes on asking and says that the token is wrong."""
    async with desk_of(stage, TELEGRAM_BOT_TOKEN="42:wrong") as desk, polling(desk):
        await until(lambda: told(desk, CheckName.TELEGRAM) == "the token or the API base is wrong")


async def test_telegram_out_of_reach(stage: Stage) -> None:
    """So is Telegram itself."""
    async with desk_of(stage, TELEGRAM_API_BASE="http://127.0.0.1:1") as desk, polling(desk):
        await until(lambda: told(desk, CheckName.TELEGRAM) == "out of reach")


def told(desk: BotParts, check: CheckName) -> str:
    """Read what a check says."""
    return desk.health.checks[check].detail
