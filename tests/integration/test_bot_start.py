"""/start on a real PostgreSQL and a Bot API over HTTP: tokens that link, and tokens that do not."""

import pytest

from outbox.link import chat_link
from outbox.link.chat_link import How
from outbox.link.chat_state import LinkState
from tests.integration.bot_stage import ANNA, BORIS, GROUP, BotStage

USELESS = "This link does not work any more"


async def audit(bot: BotStage, recipient: str) -> list[tuple[str, str]]:
    """Tell what has happened to a person's links, and how."""
    return [(one.change, one.how) for one in await chat_link.audit(bot.stage.conn, recipient)]


async def test_a_token_links_the_chat(bot: BotStage) -> None:
    """/start with the token of a binding request links this chat to its recipient and says so."""
    told = await bot.hears(BORIS, f"/start {await bot.token('boris')}")
    assert told.startswith("✅ Connected.")
    assert await bot.linked() == [("boris", BORIS)]
    assert await audit(bot, "boris") == [("linked", "start")]


@pytest.mark.parametrize(
    "text",
    [
        "A" * 32,
        "привет, ссылка",
        "x" * 1000,
        "' or 1=1 --",
        "🙈",
        "\u202etoken",
        "a b c",
    ],
)
async def test_a_token_that_is_none_links_nothing(bot: BotStage, text: str) -> None:
    """Whatever stands where a token should, the answer is the same friendly one."""
    told = await bot.hears(BORIS, f"/start {text}")
    assert told.startswith(USELESS)
    assert await bot.linked() == []


async def test_used_expired_and_voided_tokens_get_the_same_answer(bot: BotStage) -> None:
    """Who brings a token that was used, is too old, or has a successor, learns no more than who guesses."""
    conn = bot.stage.conn
    used = await bot.token("boris")
    await bot.hears(BORIS, f"/start {used}")
    succeeded = await bot.token("clara")
    expired = await bot.token("clara")
    await conn.execute("update outbox.binding_request set expires_at = now() where recipient = 'clara'")
    answers = {await bot.hears(ANNA, f"/start {token}") for token in (used, succeeded, expired, "B" * 32)}
    (answer,) = answers
    assert answer.startswith("Эта ссылка больше не работает")
    assert await bot.linked() == [("boris", BORIS)]


async def test_a_linked_chat_is_told_that_it_stays_so(bot: BotStage) -> None:
    """Pressing the old link again worries nobody."""
    token = await bot.token("boris")
    await bot.hears(BORIS, f"/start {token}")
    told = await bot.hears(BORIS, f"/start {token}")
    assert told.startswith(USELESS)
    assert told.endswith("This chat stays connected.")


async def test_the_sixth_try_has_to_wait(bot: BotStage) -> None:
    """After five useless tokens in ten minutes even a good one is not looked at, until they are ten minutes ago."""
    for _ in range(5):
        assert (await bot.hears(BORIS, "/start " + "C" * 32)).startswith(USELESS)
    good = await bot.token("boris")
    assert (await bot.hears(BORIS, f"/start {good}")).startswith("That was too often.")
    assert await bot.linked() == []
    await bot.stage.conn.execute("update outbox.telegram_update set handled_at = handled_at - interval '10 minutes'")
    assert (await bot.hears(BORIS, f"/start {good}")).startswith("✅")


async def test_tries_of_one_chat_do_not_count_for_another(bot: BotStage) -> None:
    """Somebody who guesses keeps nobody else from linking."""
    for _ in range(6):
        await bot.hears(ANNA, "/start " + "D" * 32)
    await bot.link("boris", BORIS)
    assert await bot.linked() == [("boris", BORIS)]


@pytest.mark.parametrize("command", ["/start {token}", "/start@vestnik_development_bot {token}"])
async def test_a_token_in_a_group_is_void(bot: BotStage, command: str) -> None:
    """Others have seen it: it links neither the group nor, afterwards, a private chat."""
    name = (await bot.desk.listener.bot.me()).username or ""
    token = await bot.token("boris")
    text = command.format(token=token).replace("vestnik_development_bot", name)
    assert (await bot.hears(GROUP, text)).startswith("I can be connected in a private chat only.")
    assert (await bot.hears(BORIS, f"/start {token}")).startswith(USELESS)
    assert await bot.linked() == []


async def test_a_group_hears_answers_to_the_bots_name_only(bot: BotStage) -> None:
    """What is said to all bots or to another gets no answer; what is said to this one points to its private chat."""
    name = (await bot.desk.listener.bot.me()).username
    for text in (
        "/start",
        "/help",
        "/stop",
        "/settings@other_bot",
        "hello",
        "/start 5",
        "/start@other_bot " + "E" * 32,
    ):
        await bot.say(GROUP, text)
    assert await bot.hears(GROUP, f"/settings@{name}") == "That works in a private chat with me only."
    assert await bot.hears(GROUP, f"/status@{name}") == "This group is not connected."
    assert len(await bot.messages(GROUP)) == 2


async def test_the_second_chat_of_a_person_displaces_the_first(bot: BotStage) -> None:
    """A person has one chat: the old one is told, and gets nothing any more."""
    await bot.link("boris", BORIS)
    await bot.link("boris", ANNA)
    assert await bot.linked() == [("boris", ANNA)]
    assert (await bot.said(BORIS, 2))[1].startswith("Теперь ваши уведомления приходят в другой чат.")


async def test_a_chat_that_another_person_takes_over(bot: BotStage) -> None:
    """A chat has one person: who had it before is told in the inbox."""
    await bot.link("boris", BORIS)
    await bot.link("clara", BORIS)
    assert await bot.linked() == [("clara", BORIS)]
    assert await audit(bot, "boris") == [("linked", "start"), ("displaced", "start")]
    events = await bot.stage.conn.fetch("select type from outbox.event where recipients = array['boris']")
    assert [row["type"] for row in events] == ["vestnik.chat_displaced"]


async def test_start_alone_explains_how_to_link(bot: BotStage) -> None:
    """In the language of the person's Telegram."""
    assert "откройте в приложении настройки уведомлений" in await bot.hears(ANNA, "/start")
    assert "open the notification settings of the application" in await bot.hears(BORIS, "/start")


@pytest.mark.parametrize("state", [LinkState.BLOCKED, LinkState.UNREACHABLE, LinkState.SUSPENDED])
async def test_start_alone_reopens_a_linked_chat(bot: BotStage, state: LinkState) -> None:
    """Who presses Start can be written to again."""
    await bot.link("boris", BORIS)
    await bot.stage.conn.execute("update outbox.telegram_link set state = $1, fault = 'x', fault_since = now()", state)
    assert (await bot.hears(BORIS, "/start")).startswith("✅ Welcome back")
    assert await bot.stage.conn.fetchval("select state from outbox.telegram_link") == "active"
    assert (await bot.hears(BORIS, "/start")).startswith("✅ This chat is connected")


async def test_a_person_is_spoken_to_in_their_language(bot: BotStage) -> None:
    """What they chose goes before the application's word, and that before their Telegram's."""
    conn = bot.stage.conn
    await conn.execute("insert into outbox.recipient (recipient, locale) values ('boris', 'ru-RU')")
    assert (await bot.hears(BORIS, f"/start {await bot.token('boris')}")).startswith("✅ Подключено.")
    await conn.execute("update outbox.recipient set language = 'en'")
    assert (await bot.hears(BORIS, "/start")).startswith("✅ This chat is connected")
    assert await chat_link.disconnect(conn, (await chat_link.of_recipient(conn, "boris")), How.API)  # type: ignore[arg-type]  # it is there
    assert "открыв" not in await bot.hears(BORIS, "/start")
