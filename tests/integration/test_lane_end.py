"""Ends of attempts: what they leave in lane, delivery, attempt and link."""

from outbox.database.connection import Connection
from outbox.delivery.decision import Policy
from outbox.delivery.outcome import Delivered, Reason, Reject, Retry, Snooze
from outbox.event_log.event import emit
from outbox.lane import digest
from outbox.link.chat_state import LinkState
from outbox.recording import record
from tests.integration.runs import STATES, lose, standing, states
from tests.integration.test_fan_out import relay_all
from tests.integration.test_lane import HOUR, OVER, claim, claim_one, end, ended, queue


async def test_a_recorded_lane_is_due_for_its_next(conn: Connection) -> None:
    """When an attempt has ended well its lane is due for the next delivery, and idle after the last."""
    await queue(conn, ["anna"], each=2)
    first = await claim_one(conn)
    assert await end(conn, first, Delivered(message_id=501))
    second = await claim_one(conn)
    assert second.delivery_id > first.delivery_id
    assert second.token > first.token
    assert await end(conn, second, Delivered(message_id=502))
    assert await standing(conn) == "idle"
    sent = await conn.fetch("select state, attempts, message_id from outbox.delivery order by id")
    assert [tuple(row) for row in sent] == [("sent", 1, 501), ("sent", 1, 502)]


async def test_an_attempt_that_simply_succeeded_leaves_no_row(conn: Connection) -> None:
    """Attempts are noted when they failed, or when one before them had."""
    await queue(conn, ["anna"], each=2)
    await end(conn, await claim_one(conn), Delivered())
    failed = await claim_one(conn)
    await end(conn, failed, Retry(Reason.UNAVAILABLE), Policy(schedule=(OVER,)), seconds=0.5)
    again = await claim_one(conn)
    await end(conn, again, Delivered())
    noted = await conn.fetch("select token, outcome, reason, seconds from outbox.attempt order by id")
    assert [tuple(row) for row in noted] == [
        (failed.token, "retry", "unavailable", 0.5),
        (again.token, "delivered", None, 0.0),
    ]


async def test_one_lost_lease_among_many_spoils_nothing(conn: Connection) -> None:
    """In a batch those who hold their tokens win and those who lost them do not."""
    await queue(conn, ["anna", "boris"])
    (second,) = await claim(conn, 1)
    await lose(conn)
    (first,) = await claim(conn)
    recorded = await record.record(conn, [ended(second, Delivered()), ended(first, Delivered())])
    assert recorded.won == {first.delivery_id}


async def test_an_end_recorded_twice_counts_once(conn: Connection) -> None:
    """The same end, written again because nobody knew whether the first write arrived, changes nothing."""
    await queue(conn, ["anna"], each=2)
    first = await claim_one(conn)
    policy = Policy(schedule=(OVER,))
    assert await end(conn, first, Retry(Reason.UNAVAILABLE), policy)
    assert not await end(conn, first, Retry(Reason.UNAVAILABLE), policy)
    assert (await claim_one(conn)).attempts == 1
    assert not await end(conn, first, Retry(Reason.UNAVAILABLE), policy)
    assert await standing(conn) == "leased"


async def test_a_chat_without_burst_waits_after_each(conn: Connection) -> None:
    """With a burst of one the next message goes one interval after the last."""
    await queue(conn, ["anna"], each=2)
    begin = await conn.fetchval("select clock_timestamp()")
    assert await end(conn, await claim_one(conn), Delivered(), every=HOUR)
    due_at = await conn.fetchval("select due_at from outbox.lane")
    assert begin + HOUR <= due_at <= await conn.fetchval("select clock_timestamp()") + HOUR


async def test_a_chats_pace_holds_for_what_comes_later(conn: Connection) -> None:
    """An idle lane whose chat has just got a message becomes due when the pace allows, not at once."""
    await queue(conn, ["anna"])
    assert await end(conn, await claim_one(conn), Delivered(), every=HOUR)
    assert await standing(conn) == "idle"
    await emit(conn, "login.code", ["anna"])
    await relay_all(conn)
    assert await standing(conn) == "waiting"
    assert await conn.fetchval("select due_at = ready_at from outbox.lane")


async def test_a_blocked_chat_gets_nothing_more(conn: Connection) -> None:
    """When a chat turns out to be blocked its link says so and what waits behind is skipped for that reason."""
    await queue(conn, ["anna", "boris"], each=3)
    anna = next(one for one in await claim(conn) if one.recipient == "anna")
    recorded = await record.record(conn, [ended(anna, Reject(Reason.BLOCKED), link=LinkState.BLOCKED)])
    assert recorded.won == {anna.delivery_id}
    assert recorded.links.skipped == {"blocked": 2}
    rows = sorted(await conn.fetch(STATES), key=lambda row: row["recipient"])
    assert [(row["recipient"], row["state"], row["reason"]) for row in rows] == [
        ("anna", "dead", "blocked"),
        ("anna", "skipped", "blocked"),
        ("anna", "skipped", "blocked"),
        ("boris", "sending", None),
        ("boris", "pending", None),
        ("boris", "pending", None),
    ]
    links = await conn.fetch("select recipient, state from outbox.telegram_link order by 1")
    assert [tuple(row) for row in links] == [("anna", "blocked"), ("boris", "active")]
    assert await standing(conn, "anna") == "idle"


async def test_a_migrated_chat_is_remembered(conn: Connection) -> None:
    """When a group has moved, the link names its new chat and the next message goes there."""
    await queue(conn, ["anna"], each=2)
    assert await end(conn, await claim_one(conn), Delivered(), migrate_to=-100_500)
    assert (await claim_one(conn)).chat_id == -100_500


async def test_a_chat_migrates_to_one_that_is_linked_already(conn: Connection) -> None:
    """A group that has moved to a chat which another recipient has linked does not stop the record."""
    await queue(conn, ["anna", "boris"])
    anna, boris = sorted(await claim(conn), key=lambda one: one.recipient)
    finishes = [ended(anna, Delivered(), migrate_to=boris.chat_id), ended(boris, Delivered())]
    recorded = await record.record(conn, finishes)
    assert recorded.won == {anna.delivery_id, boris.delivery_id}


async def test_an_end_written_twice_ends_nothing_of_the_next_digest(conn: Connection) -> None:
    """What another claim of the lane carries meanwhile is left alone, though the first one's run is leased still."""
    await queue(conn, ["anna", "boris"], each=4)
    claimed = await claim(conn)
    (head,) = [one for one in claimed if one.recipient == "anna"]
    assert {one.token for one in claimed} == {head.token}, "boris is left in it"
    following = await digest.following(conn, head, ["login.code"], 3, 3)
    assert await digest.carry(conn, head, following)
    finishes = [ended(one, Snooze(OVER, Reason.PACE)) for one in (head, *following)]
    assert len((await record.record(conn, finishes)).won) == 4
    (again,) = await claim(conn)
    assert again.delivery_id == head.delivery_id
    assert await digest.carry(conn, again, await digest.following(conn, again, ["login.code"], 3, 3))
    assert (await record.record(conn, finishes)).won == frozenset()
    assert [state for state, _ in await states(conn)].count("sending") == 5
