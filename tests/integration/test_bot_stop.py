"""/stop, /status, /help and what is no command."""

from datetime import UTC, datetime

from outbox.link import chat_link
from tests.integration.bot_stage import ANNA, BORIS, BotStage, data


async def test_stop_asks_and_unlinks_on_yes(bot: BotStage) -> None:
    """The question turns into the answer, the link ends, and the audit says by what way."""
    await bot.link("boris", BORIS)
    assert (await bot.hears(BORIS, "/stop")).startswith("Disconnect this chat?")
    assert data((await bot.messages(BORIS))[-1]) == ["stop:yes", "stop:no"]
    assert await bot.linked() == [("boris", BORIS)]
    await bot.tap(BORIS, "stop:yes")
    shown = await bot.shows(BORIS, "Disconnected.")
    assert data(shown) == []
    assert await bot.linked() == []
    assert [(one.change, one.how) for one in await chat_link.audit(bot.stage.conn, "boris")][1:] == [
        ("unlinked", "stop")
    ]


async def test_no_leaves_everything_as_it_was(bot: BotStage) -> None:
    """Who says no stays linked."""
    await bot.link("boris", BORIS)
    await bot.hears(BORIS, "/stop")
    await bot.tap(BORIS, "stop:no")
    await bot.shows(BORIS, "Nothing has changed")
    assert await bot.linked() == [("boris", BORIS)]


async def test_stop_without_a_link(bot: BotStage) -> None:
    """There is nothing to stop: the answer says so, also for a question from before."""
    assert (await bot.hears(ANNA, "/stop")).startswith("Этот чат не подключён")
    await bot.link("anna", ANNA)
    await bot.hears(ANNA, "/stop")
    await bot.stage.conn.execute("update outbox.telegram_link set unlinked_at = now()")
    await bot.tap(ANNA, "stop:yes")
    await bot.shows(ANNA, "Этот чат не подключён")


async def test_the_settings_offer_to_disconnect(bot: BotStage) -> None:
    """The same question behind a button; the audit says that it was one."""
    await bot.link("boris", BORIS)
    await bot.hears(BORIS, "/settings")
    await bot.tap(BORIS, "set:disconnect")
    await bot.shows(BORIS, "Disconnect this chat?")
    await bot.tap(BORIS, "bye:yes")
    await bot.shows(BORIS, "Disconnected.")
    assert [one.how for one in await chat_link.audit(bot.stage.conn, "boris")] == ["start", "button"]


async def test_status_of_a_chat_that_is_not_linked(bot: BotStage) -> None:
    """It says so, and how to link."""
    assert (await bot.hears(BORIS, "/status")).startswith("This chat is not connected")


async def test_status_tells_state_last_message_and_quiet_hours(bot: BotStage) -> None:
    """In the person's words, with the time of their zone."""
    conn = bot.stage.conn
    await bot.link("boris", BORIS)
    assert await bot.hears(BORIS, "/status") == (
        "✅ This chat is connected.\nNo message has gone out lately.\n🔔 No quiet hours."
    )
    await conn.execute("insert into outbox.lane (channel, recipient) values ('telegram', 'boris'), ('inapp', 'boris')")
    for number, state in enumerate(("sent", "sent", "dead")):
        await conn.execute(
            "insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at) "
            "select $1, id, channel, recipient, $2, 'x', $3 from outbox.lane where channel = 'telegram'",
            number,
            state,
            datetime(2026, 1, 2 + number, 21, 30, tzinfo=UTC),
        )
    await conn.execute(
        "insert into outbox.recipient (recipient, timezone, quiet) values ('boris', 'Europe/Moscow', 'hold')"
    )
    assert await bot.hears(BORIS, "/status") == (
        "✅ This chat is connected.\n"
        "The last message went out on 4 January 2026, 00:30.\n"
        "🌙 Quiet from 22:00 to 08:00 (Europe/Moscow, UTC+3): messages wait until then, urgent ones do not."
    )
    await conn.execute("update outbox.recipient set language = 'ru', quiet = 'silent', zone = 'Etc/GMT+5'")
    await conn.execute("update outbox.telegram_link set state = 'suspended'")
    assert await bot.hears(BORIS, "/status") == (
        "⚠️ Этот чат подключён, но Telegram не даёт боту писать сюда. Попробовать снова: /start.\n"
        "Последнее сообщение ушло 3 января 2026, 16:30.\n"
        "🔕 Тихие часы с 22:00 до 08:00 (UTC-5): сообщения приходят без звука."
    )


async def test_help_lists_the_commands(bot: BotStage) -> None:
    """All of them, linked or not."""
    told = await bot.hears(BORIS, "/help")
    assert all(f"/{name}:" in told for name in ("start", "settings", "status", "stop", "help"))


async def test_a_hint_not_after_every_line(bot: BotStage) -> None:
    """Whoever writes what is no command is told once a minute that only commands are understood."""
    assert await bot.hears(BORIS, "hello?") == "I understand commands only. /help lists them."
    for text in ("anybody there?", "/unknown", "привет"):
        await bot.say(BORIS, text)
    assert (await bot.hears(BORIS, "/help")).startswith("I bring")
    assert len(await bot.messages(BORIS)) == 2
    assert await bot.hears(ANNA, "привет") == "Я понимаю только команды. Их список: /help."
