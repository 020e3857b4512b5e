"""Links: what sends show of chats, and when it is believed."""

from datetime import timedelta

import pytest

from outbox.database.connection import Connection
from outbox.link import chat_link
from outbox.link.chat_link import ChatRefusal, How
from outbox.link.chat_state import LinkState
from outbox.person import recipient
from outbox.person.recipient import Profile

HOUR = timedelta(hours=1)
NOT_FOUND = ChatRefusal("anna", "chat_not_found", LinkState.UNREACHABLE, after=HOUR)
FORBIDDEN = ChatRefusal("anna", "forbidden", LinkState.SUSPENDED, after=24 * HOUR)
BLOCKED = ChatRefusal("anna", "blocked", LinkState.BLOCKED)


@pytest.fixture(autouse=True)
async def _linked(conn: Connection) -> None:
    await recipient.save(conn, [Profile("anna", chat_id=1), Profile("boris", chat_id=2)])


async def state(conn: Connection, who: str = "anna") -> str:
    """Read the state of somebody's link."""
    found: str = await conn.fetchval("select state from outbox.telegram_link where recipient = $1", who)
    return found


async def pass_by(conn: Connection, time: timedelta) -> None:
    """Let time pass for what is held against chats."""
    await conn.execute("update outbox.telegram_link set fault_since = fault_since - $1::interval", time)
    await conn.execute(
        "update outbox.telegram_link set linked_at = linked_at - $1::interval, state_at = state_at - $1::interval", time
    )


async def test_a_block_is_believed_at_once(conn: Connection) -> None:
    """Who blocks the bot is not written to any more, and the other person's link stays."""
    assert await chat_link.refuse(conn, [BLOCKED]) == {"anna": LinkState.BLOCKED}
    assert (await state(conn), await state(conn, "boris")) == ("blocked", "active")


async def test_one_chat_not_found_is_not_believed(conn: Connection) -> None:
    """A wrong token makes storms of them: the first one changes nothing, nor does a second one soon after."""
    for _ in range(2):
        assert await chat_link.refuse(conn, [NOT_FOUND]) == {}
    assert await state(conn) == "active"


async def test_two_an_hour_apart_are_believed(conn: Connection) -> None:
    """The same an hour later makes the link unreachable."""
    await chat_link.refuse(conn, [NOT_FOUND])
    await pass_by(conn, HOUR)
    assert await chat_link.refuse(conn, [NOT_FOUND]) == {"anna": LinkState.UNREACHABLE}
    assert await state(conn) == "unreachable"


async def test_a_message_between_them_counts(conn: Connection) -> None:
    """A chat that has taken a message since is known again."""
    await chat_link.refuse(conn, [NOT_FOUND])
    await pass_by(conn, HOUR)
    await chat_link.clear(conn, ["anna"])
    assert await chat_link.refuse(conn, [NOT_FOUND]) == {}
    assert await state(conn) == "active"


async def test_another_fault_between_them_counts(conn: Connection) -> None:
    """A day of nothing but unnamed 403 is broken by any other refusal."""
    await chat_link.refuse(conn, [FORBIDDEN])
    await pass_by(conn, 23 * HOUR)
    await chat_link.refuse(conn, [NOT_FOUND])
    await chat_link.refuse(conn, [FORBIDDEN])
    await pass_by(conn, 2 * HOUR)
    assert await chat_link.refuse(conn, [FORBIDDEN]) == {}
    await pass_by(conn, 22 * HOUR)
    assert await chat_link.refuse(conn, [FORBIDDEN]) == {"anna": LinkState.SUSPENDED}


async def test_two_different_403_are_two_different_things(conn: Connection) -> None:
    """`can't send messages` flaps and never unlinks by itself; `blocked` does at once."""
    assert await chat_link.refuse(conn, [FORBIDDEN]) == {}
    assert await state(conn) == "active"
    assert await chat_link.refuse(conn, [BLOCKED]) == {"anna": LinkState.BLOCKED}


async def test_a_message_that_arrives_opens_a_closed_link(conn: Connection) -> None:
    """What a replayed message shows is believed as well."""
    await chat_link.refuse(conn, [BLOCKED])
    await chat_link.clear(conn, ["anna"])
    assert await state(conn) == "active"


async def test_what_was_believed_lately_is_taken_back(conn: Connection) -> None:
    """A restore opens the links that were closed within its time, and no older ones."""
    await chat_link.refuse(conn, [BLOCKED])
    await pass_by(conn, HOUR)
    await chat_link.refuse(conn, [ChatRefusal("boris", "unreachable", LinkState.UNREACHABLE)])
    assert await chat_link.restore(conn, timedelta(minutes=5)) == 1
    assert (await state(conn), await state(conn, "boris")) == ("blocked", "active")


async def test_a_link_that_has_ended_is_left_alone(conn: Connection) -> None:
    """A refusal says nothing about a link that is not there any more."""
    await conn.execute("update outbox.telegram_link set unlinked_at = now() where recipient = 'anna'")
    assert await chat_link.refuse(conn, [BLOCKED]) == {}


async def changes(conn: Connection, who: str = "anna") -> list[str]:
    """List what the audit says has become of somebody's links by sends."""
    return [one.change for one in await chat_link.audit(conn, who) if one.how == How.SEND]


async def test_only_a_change_is_audited(conn: Connection) -> None:
    """Refusals and successes that change no state leave no row in the audit; each change leaves one."""
    await chat_link.clear(conn, ["anna", "boris"])
    await chat_link.refuse(conn, [NOT_FOUND])
    assert await changes(conn) == []
    for _ in range(2):
        await chat_link.refuse(conn, [BLOCKED])
    await chat_link.refuse(conn, [ChatRefusal("anna", "no_rights", LinkState.SUSPENDED)])
    for _ in range(2):
        await chat_link.clear(conn, ["anna", "boris"])
    await chat_link.refuse(conn, [BLOCKED])
    await chat_link.restore(conn, HOUR)
    assert await changes(conn) == ["blocked", "suspended", "active", "blocked", "active"]
    assert await changes(conn, "boris") == []


async def test_a_chat_that_moves_is_audited(conn: Connection) -> None:
    """A new chat id is noted once, and whoever had it is displaced and told."""
    for _ in range(2):
        await chat_link.migrate(conn, {"anna": 2})
    assert (await changes(conn), await changes(conn, "boris")) == (["migrated"], ["displaced"])
    told = await conn.fetch("select type, recipients from outbox.event")
    assert [tuple(row) for row in told] == [("vestnik.chat_displaced", ["boris"])]
