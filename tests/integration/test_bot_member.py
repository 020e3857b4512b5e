"""my_chat_member: the person blocks and unblocks the bot, a group throws it out and lets it in."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.bot_stage import BORIS, GROUP, BotStage
from tests.integration.stage import until_true


async def link(bot: BotStage, chat_id: int) -> None:
    """Link a chat an hour ago."""
    await bot.stage.conn.execute(
        "insert into outbox.telegram_link (recipient, chat_id, linked_at, state_at) values ('boris', $1, $2, $2)",
        chat_id,
        datetime.now(UTC) - timedelta(hours=1),
    )


async def becomes(bot: BotStage, state: str) -> None:
    """Wait until the link has this state."""

    async def is_so() -> bool:
        return bool(await bot.stage.conn.fetchval("select state from outbox.telegram_link") == state)

    await until_true(is_so)


@pytest.mark.parametrize(
    ("chat_id", "away", "state"), [(BORIS, "blocked", "blocked"), (GROUP, "kicked", "unreachable")]
)
async def test_a_chat_closes_and_opens(bot: BotStage, chat_id: int, away: str, state: str) -> None:
    """Blocked or thrown out: nothing is sent there; let in again: it goes on. Nothing is said."""
    await link(bot, chat_id)
    await bot.stage.order("PUT", f"chats/{chat_id}", {"state": away})
    await becomes(bot, state)
    await bot.stage.order("PUT", f"chats/{chat_id}", {"state": "started"})
    await becomes(bot, "active")
    audit = await bot.stage.conn.fetch("select change, how from outbox.link_audit order by id")
    assert [tuple(row) for row in audit] == [(state, "member"), ("active", "member")]
    assert await bot.messages(chat_id) == []


async def test_what_is_older_than_the_link_is_ignored(bot: BotStage) -> None:
    """Who has linked after blocking is not blocked by the older news."""
    await bot.stage.conn.execute(
        "insert into outbox.telegram_link (recipient, chat_id, linked_at, state_at) values ('boris', $1, $2, $2)",
        BORIS,
        datetime.now(UTC) + timedelta(hours=1),
    )
    await bot.stage.order("PUT", f"chats/{BORIS}", {"state": "blocked"})
    await bot.quiet()
    assert await bot.stage.conn.fetchval("select state from outbox.telegram_link") == "active"


async def test_start_after_blocking_opens_the_chat(bot: BotStage) -> None:
    """Pressing Start unblocks the bot, and says that notifications come again."""
    await link(bot, BORIS)
    await bot.stage.order("PUT", f"chats/{BORIS}", {"state": "blocked"})
    await becomes(bot, "blocked")
    assert (await bot.hears(BORIS, "/start")).startswith("✅")
    await becomes(bot, "active")
