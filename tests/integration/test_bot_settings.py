"""/settings: one message, edited in place, whose buttons keep what a person chooses."""

from datetime import UTC, datetime

import pytest

from outbox.person import preference
from tests.integration.bot_stage import ANNA, BORIS, GROUP, BotStage, buttons, data, labels
from tests.integration.stage import until_true


async def chosen(bot: BotStage, recipient: str = "boris") -> preference.Preferences:
    """Read what a person has chosen."""
    return await preference.read(bot.stage.conn, recipient)


async def test_only_who_is_linked_has_settings(bot: BotStage) -> None:
    """For everybody else there is nothing to set."""
    assert (await bot.hears(BORIS, "/settings")).startswith("This chat is not connected")


async def test_the_first_page_lists_the_categories_of_telegram(bot: BotStage) -> None:
    """By the names of the person's language; those without a type for Telegram are left out."""
    await bot.link("anna", ANNA)
    assert (await bot.hears(ANNA, "/settings")).startswith("Настройки\n\nНажмите на категорию")
    page = (await bot.messages(ANNA))[-1]
    assert labels(page) == [
        *("✅ Задания", "✅ Деньги", "✅ Споры"),
        *("🌙 Тихие часы: нет", "🌐 Язык: Русский", "Отключить этот чат"),
    ]
    assert data(page)[:3] == ["off:jobs", "off:money", "off:disputes"]


async def test_a_tap_switches_a_category_off_and_on(bot: BotStage) -> None:
    """The tap is answered, kept, and shown in the same message."""
    await bot.link("boris", BORIS)
    await bot.hears(BORIS, "/settings")
    count = len(await bot.messages(BORIS))
    assert (await bot.tap(BORIS, "off:money"))["text"] == "Off: Money"
    page = await bot.shows(BORIS, "🔕 Money")
    assert "on:money" in data(page)
    assert (await chosen(bot)).muted == {"telegram/money"}
    assert (await bot.tap(BORIS, "on:money"))["text"] == "On: Money"
    await bot.shows(BORIS, "✅ Money")
    assert (await chosen(bot)).muted == frozenset()
    assert len(await bot.messages(BORIS)) == count


async def test_what_waits_in_a_category_is_skipped(bot: BotStage) -> None:
    """Who switches a category off gets nothing more of it, not even what waits."""
    await bot.link("boris", BORIS)
    conn = bot.stage.conn
    event_id = await bot.stage.emit(1, "boris")
    await conn.execute("insert into outbox.lane (channel, recipient) values ('telegram', 'boris')")
    await conn.execute(
        "insert into outbox.delivery (event_id, lane_id, channel, recipient, state) "
        "select $1, id, channel, recipient, 'pending' from outbox.lane",
        event_id,
    )
    await bot.hears(BORIS, "/settings")
    await bot.tap(BORIS, "off:money")
    assert await bot.stage.states() == {"skipped": 1}


async def test_a_tap_for_a_category_that_is_gone(bot: BotStage) -> None:
    """The person is told, nothing is kept, and the buttons show what there is now."""
    await bot.link("boris", BORIS)
    await bot.hears(BORIS, "/settings")
    page = (await bot.messages(BORIS))[-1]
    old = {"inline_keyboard": [[{"text": "Gone", "callback_data": "off:gone"}]]}
    await bot.desk.speaker.bot.edit_message_reply_markup(
        chat_id=BORIS,
        message_id=page["message_id"],
        reply_markup=old,  # type: ignore[arg-type]  # aiogram takes plain dictionaries as well
    )
    told = await bot.tap(BORIS, "off:gone")
    assert (told["text"], told["show_alert"]) == ("There is no such category any more.", True)
    await bot.shows(BORIS, "✅ Money")
    assert (await chosen(bot)).muted == frozenset()


@pytest.mark.parametrize("old", ["quiet:loud", "zone:99", "zone:x", "lang:xx", "set:nowhere", "nonsense"])
async def test_a_button_of_another_time(bot: BotStage, old: str) -> None:
    """A button that means nothing any more is answered so."""
    await bot.link("boris", BORIS)
    await bot.hears(BORIS, "/settings")
    page = (await bot.messages(BORIS))[-1]
    await bot.desk.speaker.bot.edit_message_reply_markup(
        chat_id=BORIS,
        message_id=page["message_id"],
        reply_markup={"inline_keyboard": [[{"text": "Old", "callback_data": old}]]},  # type: ignore[arg-type]  # as above
    )
    assert (await bot.tap(BORIS, old))["text"].startswith("This button does not work any more.")


@pytest.mark.parametrize("tapped", ["off:money", "set:quiet", "set:language"])
async def test_taps_of_somebody_who_is_not_linked_any_more(bot: BotStage, tapped: str) -> None:
    """They change nothing and say why."""
    await bot.link("boris", BORIS)
    await bot.hears(BORIS, "/settings")
    await bot.stage.conn.execute("update outbox.telegram_link set unlinked_at = now()")
    told = await bot.tap(BORIS, tapped)
    assert told["text"].startswith("This chat is not connected.")
    assert told["show_alert"]
    assert (await chosen(bot)).muted == frozenset()


async def test_quiet_hours(bot: BotStage) -> None:
    """Off, silent or held: chosen by a tap, shown with hours and zone."""
    await bot.link("boris", BORIS)
    await bot.stage.conn.execute("insert into outbox.recipient (recipient, timezone) values ('boris', 'Asia/Kolkata')")
    await bot.hears(BORIS, "/settings")
    await bot.tap(BORIS, "set:quiet")
    page = await bot.shows(BORIS, "Quiet hours", "No quiet hours")
    assert labels(page) == [
        *("● off", "○ without a sound", "○ hold until 08:00"),
        *("🕓 Time zone: Asia/Kolkata, UTC+5:30", "← Back"),
    ]
    assert (await bot.tap(BORIS, "quiet:hold"))["text"] == "Saved"
    await bot.shows(BORIS, "● hold until 08:00", "Quiet from 22:00 to 08:00 (Asia/Kolkata, UTC+5:30)")
    assert (await chosen(bot)).quiet == "hold"
    await bot.tap(BORIS, "quiet:silent")
    await bot.shows(BORIS, "● without a sound")
    await bot.tap(BORIS, "set:home")
    await bot.shows(BORIS, "🌙 Quiet hours: without a sound")


async def test_the_time_zone_is_chosen_by_the_clock(bot: BotStage) -> None:
    """24 clocks to choose from; the chosen one goes before the application's zone."""
    await bot.link("boris", BORIS)
    await bot.stage.conn.execute("insert into outbox.recipient (recipient, timezone) values ('boris', 'Europe/Paris')")
    await bot.hears(BORIS, "/settings")
    await bot.tap(BORIS, "set:quiet")
    await bot.shows(BORIS, "Europe/Paris")
    await bot.tap(BORIS, "set:zone")
    page = await bot.shows(BORIS, "What time is it where you are?", "Europe/Paris")
    zones = [one for one in buttons(page) if one["callback_data"].startswith("zone:")]
    assert len(zones) == 24
    clocks = {datetime.strptime(one["text"][:5], "%H:%M").replace(tzinfo=UTC).hour for one in zones}
    assert len(clocks) == 24
    await bot.tap(BORIS, "zone:3")
    await bot.shows(BORIS, "🕓 Time zone: UTC+3")
    assert (await chosen(bot)).zone == "Etc/GMT-3"


async def test_the_language_is_chosen_by_its_own_name(bot: BotStage) -> None:
    """The page, the categories and all answers change to it; the application's word comes back on wish."""
    await bot.link("boris", BORIS)
    await bot.hears(BORIS, "/settings")
    await bot.tap(BORIS, "set:language")
    page = await bot.shows(BORIS, "Language", "English", "Русский")
    assert labels(page)[-2:] == ["● As in the application", "← Back"]
    await bot.tap(BORIS, "lang:ru")
    page = await bot.shows(BORIS, "Язык", "● Русский")
    assert (await chosen(bot)).language == "ru"
    await bot.tap(BORIS, "set:home")
    await bot.shows(BORIS, "✅ Деньги")
    await bot.tap(BORIS, "set:language")
    await bot.shows(BORIS, "Как в приложении")
    await bot.tap(BORIS, "lang:")
    await bot.shows(BORIS, "● As in the application")
    assert (await chosen(bot)).language is None


async def test_a_message_mutes_its_category_in_one_tap(bot: BotStage) -> None:
    """The tap switches the category off, the button offers to undo it, and the other buttons stay."""
    await bot.link("boris", BORIS)
    await deliver(bot, BORIS, "mute:money")
    told = await bot.tap(BORIS, "mute:money")
    assert (told["text"], told["show_alert"]) == ("Off: Money", False)
    message = await bot.shows(BORIS, "🔔 Money: turn on again")
    assert [one.get("url") or one["callback_data"] for one in buttons(message)] == [
        "https://market.example/jobs/1",
        "unmute:money",
    ]
    assert (await chosen(bot)).muted == {"telegram/money"}
    await bot.tap(BORIS, "unmute:money")
    message = await bot.shows(BORIS, "🔕 Money")
    assert data(message) == ["mute:money"]
    assert (await chosen(bot)).muted == frozenset()


async def test_a_mute_button_of_a_category_that_is_gone(bot: BotStage) -> None:
    """The person is told, and the button goes away; the others stay."""
    await bot.link("boris", BORIS)
    await deliver(bot, BORIS, "mute:gone")
    assert (await bot.tap(BORIS, "mute:gone"))["text"] == "There is no such category any more."

    async def alone() -> bool:
        return not data((await bot.messages(BORIS))[-1])

    await until_true(alone)
    (button,) = buttons((await bot.messages(BORIS))[-1])
    assert button["url"] == "https://market.example/jobs/1"


async def test_a_group_mutes_nothing(bot: BotStage) -> None:
    """Whoever of a group taps decides nothing for the person to whom its messages belong."""
    await bot.stage.conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ('boris', $1)", GROUP)
    await deliver(bot, GROUP, "mute:money")
    told = await bot.tap(GROUP, "mute:money")
    assert (told["text"], told["show_alert"]) == ("That works in a private chat with me only.", True)
    assert (await chosen(bot)).muted == frozenset()


async def deliver(bot: BotStage, chat_id: int, button: str) -> None:
    """Send a message as the worker does, with a link and a button to mute."""
    rows = [
        [{"text": "Open", "url": "https://market.example/jobs/1"}],
        [{"text": "🔕 Money", "callback_data": button}],
    ]
    await bot.desk.speaker.bot.send_message(chat_id, "A message", reply_markup={"inline_keyboard": rows})  # type: ignore[arg-type]  # as above
