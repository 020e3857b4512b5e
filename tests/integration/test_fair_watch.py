"""A worker as a process: who goes first and who gets how much, while the bot's rate is scarce."""

from outbox.event_log.event import emit
from tests.integration.stage import Stage, payload, until_true

NEWS, OFFERS, CODE = "application.accepted", "invitation.created", "payout.paid"
"""Types of the sample catalog; the last is urgent."""

SENT = """
select count(*) from outbox.delivery d join outbox.event e on e.id = d.event_id where d.state = 'sent' and e.type = $1
"""
BEFORE = """
select count(*) from outbox.delivery d join outbox.event e on e.id = d.event_id
where d.state = 'sent' and e.type = $1 and d.settled_at <= (
  select max(d.settled_at) from outbox.delivery d join outbox.event e on e.id = d.event_id where e.type = $2
)
"""


async def sent(stage: Stage, type_: str) -> int:
    """Count what is sent of a type."""
    return int(await stage.conn.fetchval(SENT, type_))


async def sent_before(stage: Stage, type_: str, last: str) -> int:
    """Count what was sent of a type when the last one of another was."""
    return int(await stage.conn.fetchval(BEFORE, type_, last))


async def until_sent(stage: Stage, type_: str, count: int) -> None:
    """Wait until so many messages of a type are sent."""

    async def enough() -> bool:
        return await sent(stage, type_) >= count

    await until_true(enough)


async def test_a_code_does_not_wait_for_a_broadcast(stage: Stage) -> None:
    """A code that is emitted while a broadcast goes out arrives while most of it still waits."""
    people = {f"u{number}": 100 + number for number in range(400)}
    await stage.people({**people, "anna": 11})
    with stage.watching(BOT_RATE="10") as worker:
        await worker.healthy()
        await emit(stage.conn, NEWS, list(people), payload(1))
        await until_sent(stage, NEWS, 5)
        await stage.emit(2, "anna")
        await until_sent(stage, CODE, 1)
        assert await sent_before(stage, NEWS, CODE) < 200
    assert await stage.arrived(11) == [2]


async def test_two_broadcasts_share_the_rate(stage: Stage) -> None:
    """When the smaller of two broadcasts is done, as much of the larger is sent, but for what is in flight."""
    large = {f"u{number}": 100 + number for number in range(200)}
    small = {f"v{number}": 500 + number for number in range(20)}
    await stage.people({**large, **small})
    await emit(stage.conn, NEWS, list(large), payload(1))
    await emit(stage.conn, OFFERS, list(small), payload(2))
    with stage.watching(BOT_RATE="40"):
        await until_sent(stage, OFFERS, 20)
    assert await sent_before(stage, NEWS, OFFERS) <= 35
