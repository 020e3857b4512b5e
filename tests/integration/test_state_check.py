"""The words that PostgreSQL accepts are the words of the code."""

import re
from enum import StrEnum
from typing import get_args

import asyncpg
import pytest

from outbox.channel import Channel
from outbox.database import Connection
from outbox.delivery import State
from outbox.link import LinkState
from outbox.outcome import Outcome

CONSTRAINT = """
select pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::text::regclass and conname = $2 and contype = 'c'
"""

BIRTH = """
insert into outbox.delivery (event_id, lane_id, channel, recipient, state, reason, settled_at)
values (1, 1, 'telegram', 'anna', $1, $2, case when $3 then now() end) returning phase
"""

OPEN = {State.PENDING, State.SENDING}


async def words(conn: Connection, table: str, constraint: str) -> set[str]:
    """Read the words that a CHECK constraint lists."""
    definition = await conn.fetchval(CONSTRAINT, table, constraint)
    assert definition is not None
    return set(re.findall(r"'(\w+)'", definition))


@pytest.mark.parametrize(
    ("table", "constraint", "known"),
    [
        ("outbox.delivery", "delivery_state_known", State),
        ("outbox.delivery", "delivery_channel_known", Channel),
        ("outbox.lane", "lane_channel_known", Channel),
        ("outbox.preference", "preference_channel_known", Channel),
        ("outbox.relayed", "relayed_channels_known", Channel),
        ("outbox.telegram_link", "telegram_link_state_known", LinkState),
    ],
)
async def test_a_constraint_lists_the_words_of_the_code(
    conn: Connection, table: str, constraint: str, known: type[StrEnum]
) -> None:
    """What a CHECK constraint allows is exactly what the code's words are."""
    assert await words(conn, table, constraint) == set(known)


async def test_an_attempt_ends_in_one_of_the_outcomes(conn: Connection) -> None:
    """The outcomes that an attempt can be noted with are the members of the union of outcomes."""
    assert await words(conn, "outbox.attempt", "attempt_outcome_known") == {
        outcome.__name__.lower() for outcome in get_args(Outcome)
    }


@pytest.mark.parametrize("state", [State.SKIPPED, State.EXPIRED, State.DEAD, State.UNKNOWN])
async def test_what_was_not_sent_needs_a_reason(conn: Connection, state: State) -> None:
    """A delivery that ended without being sent is refused without a reason and taken with one."""
    with pytest.raises(asyncpg.CheckViolationError, match="delivery_reason_given"):
        await conn.execute(BIRTH, state, None, True)
    await conn.execute(BIRTH, state, "internal", True)


@pytest.mark.parametrize("state", [State.PENDING, State.SENDING, State.SENT])
async def test_what_is_under_way_or_sent_needs_no_reason(conn: Connection, state: State) -> None:
    """A delivery that waits, is being sent or was sent may stand without a reason."""
    await conn.execute(BIRTH, state, None, state not in OPEN)


@pytest.mark.parametrize("state", State)
async def test_settled_at_stands_when_it_is_settled(conn: Connection, state: State) -> None:
    """`settled_at` is set exactly when a delivery is neither pending nor being sent."""
    with pytest.raises(asyncpg.CheckViolationError, match="delivery_settled_when_done"):
        await conn.execute(BIRTH, state, "internal", state in OPEN)
    await conn.execute(BIRTH, state, "internal", state not in OPEN)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (State.PENDING, "open"),
        (State.SENDING, "open"),
        (State.SENT, "done"),
        (State.SKIPPED, "done"),
        (State.EXPIRED, "done"),
        (State.DEAD, "stuck"),
        (State.UNKNOWN, "stuck"),
    ],
)
async def test_the_phase_follows_from_the_state(conn: Connection, state: State, phase: str) -> None:
    """A lane looks at what is open, an operator at what is stuck, nobody at what is done."""
    assert await conn.fetchval(BIRTH, state, "internal", state not in OPEN) == phase


async def test_attempts_are_never_negative(conn: Connection) -> None:
    """A delivery cannot have fewer than no attempts."""
    await conn.execute(BIRTH, State.PENDING, None, False)
    with pytest.raises(asyncpg.CheckViolationError, match="delivery_attempts_counted"):
        await conn.execute("update outbox.delivery set attempts = -1")


async def test_a_lane_is_leased_or_due_but_not_both(conn: Connection) -> None:
    """A lane that a worker holds is not due for another."""
    with pytest.raises(asyncpg.CheckViolationError, match="lane_leased_or_due"):
        await conn.execute(
            "insert into outbox.lane (channel, recipient, due_at, lease_until) values ('telegram', 'anna', now(), now())"
        )
