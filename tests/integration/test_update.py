"""Updates: each is handled once, and vain attempts to link are counted."""

import asyncio
from datetime import timedelta

from outbox.database.connection import Connection, connect
from outbox.link import telegram_update
from tests.integration.test_lane import blocked

HOUR = timedelta(hours=1)


async def pass_by(conn: Connection, time: timedelta) -> None:
    """Let time pass for what was handled."""
    await conn.execute("update outbox.telegram_update set handled_at = handled_at - $1::interval", time)


async def test_an_update_is_first_once(conn: Connection) -> None:
    """The same update of the same bot is first once; another bot counts its updates for itself."""
    asked = [(1, 7), (1, 7), (1, 8), (2, 7)]
    assert [await telegram_update.first(conn, bot, number, 11) for bot, number in asked] == [True, False, True, True]


async def test_an_update_without_a_chat(conn: Connection) -> None:
    """An update that no chat sent is handled once too."""
    assert [await telegram_update.first(conn, 1, 7, None) for _ in range(2)] == [True, False]


async def test_two_processes_get_one_update(conn: Connection, database_url: str) -> None:
    """Of two bots that get the same update at once the second waits for the first and leaves it alone."""
    other = await connect(database_url)
    async with conn.transaction():
        assert await telegram_update.first(conn, 1, 7, 11)
        second = asyncio.create_task(telegram_update.first(other, 1, 7, 11))
        await blocked(conn, second)
    assert not await second
    await other.close()


async def test_an_update_that_failed_is_not_lost(conn: Connection, database_url: str) -> None:
    """Where the first one's transaction is rolled back the second handles the update."""
    other = await connect(database_url)
    transaction = conn.transaction()
    await transaction.start()
    await telegram_update.first(conn, 1, 7, 11)
    second = asyncio.create_task(telegram_update.first(other, 1, 7, 11))
    await blocked(conn, second)
    await transaction.rollback()
    assert await second
    await other.close()


async def test_vain_attempts_are_counted_by_chat(conn: Connection) -> None:
    """Only what was noted as failed counts, only for its chat, and only for the time asked for."""
    for number, chat_id in ((1, 11), (2, 11), (3, 12), (4, 11)):
        await telegram_update.first(conn, 1, number, chat_id)
    for number in (1, 2, 3):
        await telegram_update.note_failed_start(conn, 1, number)
    await telegram_update.note_failed_start(conn, 2, 4)
    assert [await telegram_update.failed_starts(conn, chat, HOUR) for chat in (11, 12, 13)] == [2, 1, 0]
    await pass_by(conn, HOUR)
    assert await telegram_update.failed_starts(conn, 11, HOUR) == 0
    assert await telegram_update.failed_starts(conn, 11, 2 * HOUR) == 2


async def test_old_updates_are_forgotten(conn: Connection) -> None:
    """What Telegram sends no more is deleted, the oldest first and so many at a time; what is younger stays."""
    for number in (1, 2, 3):
        await telegram_update.first(conn, 1, number, 11)
        await pass_by(conn, HOUR)
    await pass_by(conn, telegram_update.KEPT - 2 * HOUR)
    assert await telegram_update.prune(conn, telegram_update.KEPT, 1) == 1
    kept = "select array_agg(update_id order by update_id) from outbox.telegram_update"
    assert await conn.fetchval(kept) == [2, 3]
    assert await telegram_update.prune(conn, telegram_update.KEPT, 10) == 1
    assert await telegram_update.prune(conn, telegram_update.KEPT, 10) == 0
    assert await conn.fetchval(kept) == [3]
