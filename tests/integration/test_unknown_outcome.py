"""Unknown outcomes of types that must not arrive twice: an operator sends them again, or confirms that they arrived."""

import pytest

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.decision import Decision
from outbox.delivery.outcome import Delivered, Reason, Retry, Unknown
from outbox.delivery.state import State
from outbox.lane import lane_claim
from outbox.monitoring import backlog
from outbox.operator import stuck
from outbox.operator.operator_action import Action
from outbox.operator.stuck import Filter
from outbox.proof.completeness import prove
from tests.integration.test_dead_letter import EVERYTHING, LONG_AGO, TYPE, end, order, queue, signatures, states
from tests.integration.test_fan_out import link

RETRIED = Decision(State.PENDING, 1, Reason.UNAVAILABLE)
HELD = Decision(State.UNKNOWN, 2, Reason.LOST_ANSWER)


@pytest.fixture
async def held(conn: Connection) -> list[int]:
    """Hold two deliveries whose second attempt may have arrived."""
    await link(conn, ["anna", "boris"])
    await queue(conn, "anna", "boris")
    await end(conn, Retry(Reason.UNAVAILABLE), RETRIED)
    return await end(conn, Unknown(Reason.LOST_ANSWER), HELD)


async def attempts(conn: Connection, delivery_id: int) -> list[tuple[str, bool]]:
    """Tell the outcomes of a delivery's attempts, and which of them were sent again."""
    rows = await conn.fetch(
        "select outcome, resent from outbox.attempt where delivery_id = $1 order by id", delivery_id
    )
    return [tuple(row) for row in rows]


async def test_what_is_sent_again_is_a_possible_duplicate(conn: Connection, held: list[int]) -> None:
    """A resend is due now with its attempts as they were; its last attempt counts as a possible duplicate."""
    anna, boris = held
    assert (await backlog.look(conn)).possible_duplicates == 0
    done = await order(conn, Action.RESEND, Filter(recipient="anna"))
    assert done.changed == {(TYPE, "lost_answer"): 1}
    assert await states(conn) == {anna: ("pending", None, 2), boris: ("unknown", "lost_answer", 2)}
    assert await attempts(conn, anna) == [("retry", False), ("unknown", True)]
    assert await attempts(conn, boris) == [("retry", False), ("unknown", False)]
    assert (await backlog.look(conn)).possible_duplicates == 1
    assert await signatures(conn) == [(anna, "resend", "olga")]
    assert await end(conn, Delivered(7), Decision(State.SENT, 3)) == [anna]
    assert await attempts(conn, anna) == [("retry", False), ("unknown", True), ("delivered", False)]


async def test_each_resend_counts(conn: Connection, held: list[int]) -> None:
    """What is unknown and sent again twice is two possible duplicates."""
    for _ in range(2):
        await order(conn, Action.RESEND, Filter(ids=(held[0],)))
        await end(conn, Unknown(Reason.LOST_ANSWER), HELD)
    assert [resent for _, resent in await attempts(conn, held[0])] == [False, True, True, False]


async def test_what_is_confirmed_is_sent(conn: Connection, held: list[int]) -> None:
    """A confirmed delivery is sent from now on, is not sent again, and is no possible duplicate."""
    since = await conn.fetchval("select max(settled_at) from outbox.delivery")
    await order(conn, Action.CONFIRM)
    assert await states(conn) == dict.fromkeys(held, ("sent", None, 2))
    assert await conn.fetchval("select min(settled_at) from outbox.delivery") > since
    assert await signatures(conn) == [(id_, "confirm", "olga") for id_ in held]
    assert await lane_claim.claim(conn, Channel.TELEGRAM, 10) == []
    assert (await backlog.look(conn)).possible_duplicates == 0
    assert (await prove(conn, LONG_AGO)).states == {"telegram": {"sent": 2}}


async def test_dead_letters_and_unknown_outcomes_are_kept_apart(conn: Connection, held: list[int]) -> None:
    """What is done about dead letters leaves unknown outcomes alone, and the other way round."""
    await conn.execute("update outbox.delivery set state = 'dead' where id = $1", held[1])
    assert [one.delivery_id for one in (await stuck.find(conn, State.UNKNOWN, EVERYTHING, 10))[0]] == [held[0]]
    assert (await order(conn, Action.REPLAY)).changed.total() == 1
    assert (await order(conn, Action.DISCARD)).changed.total() == 0
    assert (await states(conn))[held[0]] == ("unknown", "lost_answer", 2)


async def test_what_would_only_expire_is_not_sent_again(conn: Connection, held: list[int]) -> None:
    """An unknown outcome past its time is too late to be sent again, but not to be confirmed."""
    await conn.execute("update outbox.delivery set expires_at = now() - interval '1 hour' where id = $1", held[0])
    done = await order(conn, Action.RESEND)
    assert (done.changed.total(), done.too_late) == (1, 1)
    assert (await order(conn, Action.CONFIRM)).changed.total() == 1
