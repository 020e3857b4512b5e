"""Linking at once from many sides: one link is left, and nobody gets an exception."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from outbox.database.connection import Connection, Pool, connect
from outbox.delivery.channel import Channel
from outbox.lane import lane_skip, lane_wake
from outbox.link import chat_link
from outbox.link.chat_link import ChatRefusal, How, Wanted
from outbox.link.chat_state import LinkState
from outbox.person import recipient
from outbox.person.recipient import Profile
from tests.integration.test_lane import blocked

RACES = {
    "two recipients for one chat": (("anna", 1), ("boris", 1)),
    "one recipient for two chats": (("anna", 1), ("anna", 2)),
    "the same pair": (("anna", 1), ("anna", 1)),
    "crosswise": (("anna", 2), ("boris", 1)),
}


async def held(conn: Connection) -> list[tuple[str, int]]:
    """List the links that hold."""
    return [(one.recipient, one.chat_id) for one in await chat_link.list_links(conn)]


@pytest.mark.parametrize("began", ["with links", "without links"])
@pytest.mark.parametrize(("first", "second"), RACES.values(), ids=RACES)
async def test_two_at_once(
    conn: Connection, database_url: str, first: tuple[str, int], second: tuple[str, int], began: str
) -> None:
    """Who is second waits for the first one's commit and has the last word."""
    if began == "with links":
        await recipient.save(conn, [Profile("anna", chat_id=1), Profile("boris", chat_id=2)])
    other = await connect(database_url)
    # what comes second has begun first: by its clock the other's link is made in the future
    older = other.transaction()
    await older.start()
    await other.fetchval("select now()")

    async def link_second() -> None:
        await chat_link.connect(other, *second, How.START)
        await older.commit()

    async with conn.transaction():
        await chat_link.connect(conn, *first, How.START)
        task = asyncio.create_task(link_second())
        await blocked(conn, task)
    await task
    await other.close()
    found = await held(conn)
    assert second in found
    assert len({who for who, _ in found}) == len({chat for _, chat in found}) == len(found)


async def test_a_record_that_is_under_way_goes_first(conn: Connection, database_url: str) -> None:
    """Who links waits for whoever holds the lane and is about to change the link: no deadlock."""
    await recipient.save(conn, [Profile("anna", chat_id=1), Profile("boris", chat_id=2)])
    await conn.execute(
        "insert into outbox.lane (channel, recipient) values ('telegram', 'anna'), ('telegram', 'boris')"
    )
    other = await connect(database_url)
    async with conn.transaction():
        await lane_skip.lock_lanes(conn, Channel.TELEGRAM, ["anna", "boris"])
        task = asyncio.create_task(chat_link.connect_all(other, [Wanted("anna", 1), Wanted("boris", 2)], How.IMPORT))
        await blocked(conn, task)
        for who in ("boris", "anna"):
            await chat_link.refuse(conn, [ChatRefusal(who, "blocked", LinkState.BLOCKED)])
    assert [one.renewed for one in await task] == [True, True]
    await other.close()


async def test_a_chat_moves_into_a_place_that_was_just_taken(conn: Connection, database_url: str) -> None:
    """A group that becomes a supergroup while somebody links that one displaces them, without an exception."""
    await recipient.save(conn, [Profile("anna", chat_id=-1)])
    other = await connect(database_url)
    async with conn.transaction():
        await chat_link.connect(conn, "boris", -1001, How.COMMAND)
        task = asyncio.create_task(chat_link.migrate(other, {"anna": -1001}))
        await blocked(conn, task)
    await task
    await other.close()
    assert await held(conn) == [("anna", -1001)]


async def test_a_link_to_a_chat_that_was_just_moved(conn: Connection, database_url: str) -> None:
    """Who links a chat id that another's chat is just getting displaces that one, without an exception."""
    await recipient.save(conn, [Profile("anna", chat_id=-1)])
    other = await connect(database_url)
    async with conn.transaction():
        await chat_link.migrate(conn, {"anna": -1001})
        task = asyncio.create_task(chat_link.connect(other, "boris", -1001, How.COMMAND))
        await blocked(conn, task)
    assert (await task).displaced_recipient == "anna"
    await other.close()
    assert await held(conn) == [("boris", -1001)]


ROUNDS = 120
SEED = 7


async def test_a_storm_of_everything(conn: Connection, pool: Pool) -> None:
    """Links, imports, unlinks, blocks, sends and moves of a few people at once: no deadlock, one link for each."""
    rng = random.Random(SEED)
    people, chats = ["anna", "boris", "clara"], [-1, -2, -3]
    await conn.execute("insert into outbox.lane (channel, recipient) select 'telegram', unnest($1::text[])", people)
    steps: list[Callable[[Connection, str, int], Awaitable[object]]] = [_link, _import, _unlink, _block, _send, _move]

    async def run(step: Callable[[Connection, str, int], Awaitable[object]], who: str, chat: int) -> None:
        async with pool.acquire() as own, own.transaction():
            await step(own, who, chat)

    for _ in range(ROUNDS // len(steps)):
        every = [(step, rng.choice(people), rng.choice(chats)) for step in steps * 3]
        rng.shuffle(every)
        await asyncio.gather(*(run(*one) for one in every))
        found = await held(conn)
        assert len({who for who, _ in found}) == len({chat for _, chat in found}) == len(found)
    started = "select count(*) from outbox.link_audit where change = 'linked'"
    ended = "select count(*) from outbox.link_audit where change in ('unlinked', 'displaced')"
    assert await conn.fetchval(started) - await conn.fetchval(ended) == len(await held(conn))


async def _link(conn: Connection, who: str, chat: int) -> None:
    await chat_link.connect(conn, who, chat, How.START)


async def _import(conn: Connection, who: str, chat: int) -> None:
    await recipient.save(conn, [Profile("dora"), Profile(who, chat_id=chat), Profile("anna", "Anna")])


async def _unlink(conn: Connection, who: str, _chat: int) -> None:
    found = await chat_link.of_recipient(conn, who)
    if found is not None:
        await chat_link.disconnect(conn, found, How.STOP)


async def _block(conn: Connection, _who: str, chat: int) -> None:
    await chat_link.closed(conn, chat, LinkState.BLOCKED, await conn.fetchval("select now() + interval '1 second'"))
    await chat_link.opened(conn, chat, await conn.fetchval("select now() + interval '2 seconds'"))


async def _send(conn: Connection, who: str, _chat: int) -> None:
    lanes = await lane_skip.lock_lanes(conn, Channel.TELEGRAM, [who])
    await chat_link.refuse(conn, [ChatRefusal(who, "blocked", LinkState.BLOCKED)])
    await lane_wake.requeue(conn, list(lanes.values()))


async def _move(conn: Connection, who: str, chat: int) -> None:
    await lane_skip.lock_lanes(conn, Channel.TELEGRAM, [who])
    await chat_link.migrate(conn, {who: chat})


async def test_the_indexes_hold_what_the_code_promises(conn: Connection) -> None:
    """PostgreSQL itself refuses a second link of a recipient or a chat."""
    await recipient.save(conn, [Profile("anna", chat_id=1)])
    for pair in (("anna", 2), ("boris", 1)):
        with pytest.raises(asyncpg.UniqueViolationError):
            await conn.execute("insert into outbox.telegram_link (recipient, chat_id) values ($1, $2)", *pair)
