"""What Telegram tells of a chat by itself: blocked and unblocked, believed only if it is newer than what is known."""

from datetime import datetime, timedelta

import pytest

from outbox.database.connection import Connection
from outbox.delivery.outcome import Delivered
from outbox.event_log.event import emit
from outbox.link import chat_link
from outbox.link.chat_link import ChatRefusal, GivenUp, How
from outbox.link.chat_state import LinkState
from outbox.person import recipient
from outbox.person.recipient import Profile
from tests.integration.runs import standing, states
from tests.integration.test_fan_out import relay_all
from tests.integration.test_lane import claim, claim_one, end, queue

CHAT = 7
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


async def now(conn: Connection) -> datetime:
    """Ask for the time as Telegram would tell it: in whole seconds."""
    moment: datetime = await conn.fetchval("select date_trunc('second', now())")
    return moment


@pytest.fixture
async def at(conn: Connection) -> datetime:
    """Link a chat an hour ago; give the time of an update that comes now."""
    await recipient.save(conn, [Profile("anna", chat_id=CHAT)])
    await conn.execute("update outbox.telegram_link set linked_at = linked_at - $1::interval", HOUR)
    await conn.execute("update outbox.telegram_link set state_at = state_at - $1::interval", HOUR)
    return await now(conn)


async def state(conn: Connection) -> str:
    """Read the state of the one link."""
    found: str = await conn.fetchval("select state from outbox.telegram_link")
    return found


async def by_member(conn: Connection) -> list[str]:
    """List what the audit says Telegram has told."""
    return [one.change for one in await chat_link.audit(conn, "anna") if one.how == How.MEMBER]


@pytest.mark.parametrize("closed", [LinkState.BLOCKED, LinkState.UNREACHABLE, LinkState.SUSPENDED])
async def test_a_chat_is_closed_and_opened(conn: Connection, at: datetime, closed: LinkState) -> None:
    """The chat rests from one to the other, and each is news once."""
    assert [await chat_link.closed(conn, CHAT, closed, at) for _ in range(2)] == [GivenUp(0), None]
    assert await state(conn) == closed
    assert [await chat_link.opened(conn, CHAT, at + SECOND) for _ in range(2)] == [True, False]
    assert await state(conn) == "active"
    assert await by_member(conn) == [closed, "active"]


async def test_an_unknown_chat_changes_nothing(conn: Connection, at: datetime) -> None:
    """What Telegram tells of a chat without a link, or whose link is over, is no news."""
    assert not await chat_link.closed(conn, 8, LinkState.BLOCKED, at)
    found = await chat_link.of_chat(conn, CHAT)
    assert found is not None
    await chat_link.disconnect(conn, found, How.STOP)
    assert not await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at)
    assert not await chat_link.opened(conn, CHAT, at)


async def test_a_block_of_the_second_of_the_link_is_old(conn: Connection, at: datetime) -> None:
    """A block from before the link, or from its very second, does not close it; one from the next second does."""
    await conn.execute("update outbox.telegram_link set linked_at = $1, state_at = $1", at + SECOND / 2)
    assert not await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at - SECOND)
    assert not await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at)
    assert await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at + SECOND)


async def test_a_link_of_the_whole_second_counts_too(conn: Connection, at: datetime) -> None:
    """A link that was made when the second began is not closed by an update of that second."""
    await conn.execute("update outbox.telegram_link set linked_at = $1, state_at = $1", at)
    assert not await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at)


async def test_a_block_from_before_the_chat_came_again_is_old(conn: Connection, at: datetime) -> None:
    """Who has pressed Start since is not blocked by what Telegram tells late."""
    await chat_link.connect(conn, "anna", CHAT, How.START)
    assert not await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at - SECOND)
    assert await state(conn) == "active"


async def test_updates_that_come_in_the_wrong_order(conn: Connection, at: datetime) -> None:
    """What is older than what Telegram has told last changes nothing, neither way."""
    assert await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at)
    assert not await chat_link.opened(conn, CHAT, at - SECOND)
    assert await chat_link.opened(conn, CHAT, at + 2 * SECOND)
    assert not await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at + SECOND)
    assert await state(conn) == "active"


async def test_updates_that_come_late(conn: Connection, at: datetime) -> None:
    """A bot that was away for long learns in one go of a block and its end, however long ago both were."""
    assert await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at - HOUR / 2)
    assert await chat_link.opened(conn, CHAT, at - HOUR / 3)
    assert await state(conn) == "active"


async def test_an_unblock_counts_more_than_a_send_that_is_recorded_late(conn: Connection, at: datetime) -> None:
    """What a send was refused with before the person unblocked the bot does not keep the chat closed."""
    await chat_link.refuse(conn, [ChatRefusal("anna", "blocked", LinkState.BLOCKED)])
    assert await chat_link.opened(conn, CHAT, at - SECOND)
    assert await conn.fetchval("select fault is null and fault_since is null from outbox.telegram_link")


async def test_what_telegram_tells_is_not_taken_back(conn: Connection, at: datetime) -> None:
    """When too many sends were refused their chats are opened again; who has really blocked the bot stays blocked."""
    await chat_link.closed(conn, CHAT, LinkState.BLOCKED, at)
    assert await chat_link.restore(conn, HOUR) == 0
    assert await state(conn) == "blocked"


async def test_what_waits_for_a_closed_chat_is_skipped(conn: Connection) -> None:
    """All that waits is skipped with the state as its reason, and what comes then is born skipped."""
    await queue(conn, ["anna"], each=2)
    found = await chat_link.of_recipient(conn, "anna")
    assert found is not None
    assert await chat_link.closed(conn, found.chat_id, LinkState.BLOCKED, await now(conn) + SECOND)
    assert (await states(conn), await standing(conn)) == ([("skipped", "blocked")] * 2, "idle")
    await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await states(conn) == [("skipped", "blocked")] * 3
    await chat_link.opened(conn, found.chat_id, await now(conn) + 2 * SECOND)
    await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert (await claim_one(conn)).recipient == "anna"


async def test_an_attempt_under_way_is_left_alone(conn: Connection) -> None:
    """A message that is being sent is recorded as what becomes of it, and its lane goes idle."""
    await queue(conn, ["anna"], each=2)
    claimed = await claim_one(conn)
    assert claimed.chat_id is not None
    await chat_link.closed(conn, claimed.chat_id, LinkState.BLOCKED, await now(conn) + SECOND)
    assert await states(conn) == [("sending", None), ("skipped", "blocked")]
    assert await end(conn, claimed, Delivered(9))
    assert await states(conn) == [("sent", None), ("skipped", "blocked")]
    assert (await standing(conn), await claim(conn)) == ("idle", [])
