"""Lanes of people who want quiet: what a claim tells of it, what is held back, and what that must not hold back."""

import asyncio
import json
from datetime import timedelta

from outbox.database.connection import Connection, connect
from outbox.delivery.outcome import Delivered, Reason, Reject, Snooze
from outbox.event_log.event import emit
from outbox.lane import lane_claim, lane_wake
from outbox.monitoring import backlog
from outbox.operator import operator_action
from outbox.operator.operator_action import Action
from outbox.operator.stuck import Filter
from outbox.person import preference
from outbox.person.preference import Quiet
from tests.integration.runs import standing
from tests.integration.stage import PATIENCE_S
from tests.integration.test_fan_out import link, relay_all
from tests.integration.test_lane import HOUR, blocked, claim, claim_one, end
from tests.integration.test_urgent import CODE, NEWS, send

CALL = "order.call"
"""Expires ten minutes after its emit."""
NIGHT = Snooze(HOUR, Reason.QUIET_HOURS)
SHORT_NIGHT = Snooze(HOUR / 12, Reason.QUIET_HOURS)


async def choose(conn: Connection, **choices: object) -> None:
    """Write what the only recipient has chosen."""
    for column, value in choices.items():
        await conn.execute(f"update outbox.recipient set {column} = $1", value)  # noqa: S608 (the test's own names)


async def hold(conn: Connection, night: Snooze = NIGHT) -> None:
    """Hold a message back as an attempt at night does."""
    await link(conn, ["anna"])
    await choose(conn, quiet="hold")
    await send(conn, NEWS)
    assert await end(conn, await claim_one(conn), night)
    assert await standing(conn) == "waiting"


async def mode(conn: Connection) -> tuple[str, str]:
    """Claim the lane; tell its head's type and what quiet hours do to it."""
    claimed = await claim_one(conn)
    assert claimed.quiet is not None
    assert await end(conn, claimed, Delivered())
    return claimed.type, json.loads(claimed.quiet)[0]


async def test_a_claim_brings_what_its_person_has_chosen(conn: Connection) -> None:
    """What people choose themselves goes before what the application says; most have chosen nothing about quiet."""
    await link(conn, ["anna"])
    await choose(conn, locale="ru", timezone="Europe/Moscow")
    await send(conn, NEWS, NEWS, NEWS)
    first = await claim_one(conn)
    assert (first.locale, first.quiet) == ("ru", None)
    await end(conn, first, Delivered())
    await choose(conn, language="en", quiet="silent")
    second = await claim_one(conn)
    assert second.locale == "en"
    assert second.quiet == '["silent", "22:00:00", "08:00:00", "Europe/Moscow"]'
    await end(conn, second, Delivered())
    await choose(conn, zone="Asia/Omsk", quiet="hold")
    assert (await claim_one(conn)).quiet == '["hold", "22:00:00", "08:00:00", "Asia/Omsk"]'


async def test_what_is_held_waits_and_holds_nobody_up(conn: Connection) -> None:
    """It is no work left undone, not late, and costs no attempt; what comes behind it waits with it."""
    await hold(conn)
    await send(conn, NEWS)
    assert await standing(conn) == "waiting"
    assert not await lane_claim.unfinished(conn)
    seen = await backlog.look(conn)
    assert (seen.deliveries, seen.oldest_due, seen.lanes_due) == ({"telegram": {"pending": 2}}, {"telegram": 0.0}, 0)
    rows = await conn.fetch("select reason, attempts from outbox.delivery order by id")
    assert [tuple(row) for row in rows] == [("quiet_hours", 0), (None, 0)]


async def test_what_is_urgent_does_not_wait_behind_what_is_held(conn: Connection) -> None:
    """It makes its lane due; what was held goes first, as silently as if that had been chosen."""
    await hold(conn)
    await send(conn, NEWS, CODE, NEWS)
    assert await standing(conn) == "due"
    first = await claim_one(conn)
    assert (first.type, first.urgent) == (NEWS, True)
    assert first.quiet is not None
    assert json.loads(first.quiet)[0] == "silent"
    await end(conn, first, Delivered())
    assert [(await mode(conn))[0] for _ in range(3)] == [NEWS, CODE, NEWS]


async def test_what_expires_does_not_wait_behind_what_is_held(conn: Connection) -> None:
    """A message that would expire before the morning makes its lane due too; what is held goes first and silently."""
    await hold(conn)
    await send(conn, CALL)
    assert await standing(conn) == "due"
    assert await mode(conn) == (NEWS, "silent")
    assert await mode(conn) == (CALL, "hold")


async def test_what_lives_until_the_morning_waits_for_it(conn: Connection) -> None:
    """A message that expires only after what is held will have gone, or has expired already, hurries nothing."""
    await hold(conn, SHORT_NIGHT)
    await send(conn, CALL)
    assert await standing(conn) == "waiting"
    await emit(conn, NEWS, ["anna"], expires_at=await conn.fetchval("select now() - interval '1 second'"))
    await relay_all(conn)
    assert await standing(conn) == "waiting"


async def test_no_other_wait_is_shortened(conn: Connection) -> None:
    """A lane that waits for Telegram or the schedule waits on, whatever comes behind."""
    await hold(conn)
    await conn.execute("update outbox.lane set due_at = now()")
    await end(conn, await claim_one(conn), Snooze(HOUR, Reason.FLOOD))
    await send(conn, CALL, CODE)
    assert await standing(conn) == "waiting"


async def test_the_chats_pace_comes_first(conn: Connection) -> None:
    """A lane that is hurried goes as soon as its chat may get a message."""
    await hold(conn)
    await conn.execute("update outbox.lane set ready_at = now() + interval '1 minute'")
    await send(conn, CODE)
    assert await conn.fetchval("select due_at = ready_at from outbox.lane")
    assert await claim(conn) == []


async def test_what_comes_while_a_message_is_being_held(conn: Connection, database_url: str) -> None:
    """An urgent message that is relayed just before the hold is recorded is not held up by it."""
    other = await connect(database_url)
    await link(conn, ["anna"])
    await choose(conn, quiet="hold")
    await send(conn, NEWS)
    claimed = await claim_one(conn)
    await emit(conn, CODE, ["anna"])
    async with asyncio.timeout(PATIENCE_S):
        transaction = conn.transaction()
        await transaction.start()
        await relay_all(conn)
        recording = asyncio.create_task(end(other, claimed, NIGHT))
        await blocked(conn, recording)
        await transaction.commit()
        assert await recording
    await other.close()
    assert await standing(conn) == "due"
    assert await mode(conn) == (NEWS, "silent")


async def test_what_an_operator_brings_back_is_not_held_up(conn: Connection) -> None:
    """An urgent dead letter that is replayed behind what is held is as urgent as a new one."""
    await hold(conn)
    await send(conn, CODE)
    await mode(conn)
    await end(conn, await claim_one(conn), Reject(Reason.BAD_MESSAGE))
    await conn.execute(
        "update outbox.delivery set state = 'pending', settled_at = null, reason = 'quiet_hours',"
        " due_at = now() + interval '1 hour', back = true where state = 'sent'"
    )
    await lane_wake.requeue(conn, [row["id"] for row in await conn.fetch("select id from outbox.lane")])
    assert await standing(conn) == "waiting"
    await operator_action.carry_out(conn, await operator_action.plan(conn, Action.REPLAY, Filter()), "olga")
    assert await standing(conn) == "due"
    assert await mode(conn) == (NEWS, "silent")


async def test_an_urgent_head_of_old_hurries_nothing_behind_it(conn: Connection) -> None:
    """Once the urgent message has gone, what is held behind it waits for the morning as before."""
    await link(conn, ["anna"])
    await send(conn, CODE, NEWS)
    await conn.execute(
        "update outbox.delivery set reason = 'quiet_hours', due_at = now() + interval '1 hour' where not urgent"
    )
    assert await end(conn, await claim_one(conn), Delivered())
    assert await standing(conn) == "waiting"


async def test_a_person_who_changes_their_mind_gets_what_was_held(conn: Connection) -> None:
    """What is held is looked at again by what they have chosen now; no other wait is, and no other person's."""
    await hold(conn)
    await preference.set_quiet(conn, "boris", Quiet.OFF)
    assert await standing(conn) == "waiting"
    await preference.set_quiet(conn, "anna", Quiet.HOLD)
    assert await standing(conn) == "due"
    claimed = await claim_one(conn)
    assert claimed.quiet is not None
    assert json.loads(claimed.quiet)[0] == "hold", "held again if it is still night for them"
    await end(conn, claimed, Snooze(timedelta(hours=2), Reason.FLOOD))
    await preference.set_zone(conn, "anna", "Asia/Omsk")
    assert await standing(conn) == "waiting"
