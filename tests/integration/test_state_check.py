"""The words that PostgreSQL accepts are the words of the code."""

import re
from enum import StrEnum
from typing import get_args

import asyncpg
import pytest

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Outcome
from outbox.delivery.state import State
from outbox.link.chat_link import AuditChange, How
from outbox.link.chat_state import LinkState
from outbox.person.preference import Quiet

CONSTRAINT = """
select pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::text::regclass and conname = $2
"""

BIRTH = """
insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
select count(*), 1, 'telegram', 'anna', $1, $2, case when $3 then now() end from outbox.delivery
returning phase
"""

WORDS: list[tuple[str, str, type[StrEnum]]] = [
    ("outbox.delivery", "delivery_state_known", State),
    ("outbox.delivery", "delivery_channel_known", Channel),
    ("outbox.lane", "lane_channel_known", Channel),
    ("outbox.run", "run_channel_known", Channel),
    ("outbox.preference", "preference_channel_known", Channel),
    ("outbox.route", "route_channels_known", Channel),
    ("outbox.telegram_link", "telegram_link_state_known", LinkState),
    ("outbox.link_audit", "link_audit_change_known", AuditChange),
    ("outbox.link_audit", "link_audit_how_known", How),
    ("outbox.recipient", "recipient_quiet_known", Quiet),
]
OPEN = {State.PENDING, State.SENDING}
NEED_A_REASON = {State.SKIPPED, State.EXPIRED, State.DEAD, State.UNKNOWN}


async def words(conn: Connection, table: str, constraint: str) -> set[str]:
    """Read the words that a CHECK constraint lists."""
    definition = await conn.fetchval(CONSTRAINT, table, constraint)
    assert definition is not None
    return set(re.findall(r"'(\w+)'", definition))


async def test_the_constraints_list_the_words_of_the_code(conn: Connection) -> None:
    """What the CHECK constraints on states and channels allow is exactly what the code's words are."""
    for table, constraint, known in WORDS:
        assert await words(conn, table, constraint) == set(known), constraint


async def test_an_attempt_ends_in_one_of_the_outcomes(conn: Connection) -> None:
    """The outcomes that an attempt can be noted with are the members of the union of outcomes."""
    assert await words(conn, "outbox.attempt", "attempt_outcome_known") == {
        outcome.__name__.lower() for outcome in get_args(Outcome)
    }


async def test_what_was_not_sent_needs_a_reason(conn: Connection) -> None:
    """A delivery that is skipped, expired, dead or unknown is refused without a reason; the others need none."""
    for state in State:
        await conn.execute(BIRTH, state, "internal", state not in OPEN)
        if state in NEED_A_REASON:
            with pytest.raises(asyncpg.CheckViolationError, match="delivery_reason_given"):
                await conn.execute(BIRTH, state, None, True)
        else:
            await conn.execute(BIRTH, state, None, state not in OPEN)


async def test_settled_at_stands_when_it_is_settled(conn: Connection) -> None:
    """`settled_at` is set exactly when a delivery is neither pending nor being sent."""
    for state in State:
        with pytest.raises(asyncpg.CheckViolationError, match="delivery_settled_when_done"):
            await conn.execute(BIRTH, state, "internal", state in OPEN)
        await conn.execute(BIRTH, state, "internal", state not in OPEN)


async def test_the_phase_follows_from_the_state(conn: Connection) -> None:
    """A lane looks at what is open, an operator at what is stuck, nobody at what is done."""
    assert {state: await conn.fetchval(BIRTH, state, "internal", state not in OPEN) for state in State} == {
        State.PENDING: "open",
        State.SENDING: "open",
        State.SENT: "done",
        State.SKIPPED: "done",
        State.EXPIRED: "done",
        State.DEAD: "stuck",
        State.UNKNOWN: "stuck",
    }


async def test_attempts_are_never_negative(conn: Connection) -> None:
    """A delivery cannot have fewer than no attempts."""
    await conn.execute(BIRTH, State.PENDING, None, False)
    with pytest.raises(asyncpg.CheckViolationError, match="delivery_attempts_counted"):
        await conn.execute("update outbox.delivery set attempts = -1")


async def test_a_lane_is_in_a_run_or_waits_but_not_both(conn: Connection) -> None:
    """A lane that stands in a run does not wait to get into another."""
    await conn.execute("insert into outbox.lane (channel, recipient, due_at) values ('telegram', 'anna', now())")
    with pytest.raises(asyncpg.CheckViolationError, match="lane_busy_or_waiting"):
        await conn.execute("update outbox.lane set busy = true")
