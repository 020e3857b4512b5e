"""Quiet hours on real parts: what a sleeping person hears, gets and does not get, and what that costs the others."""

from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs

from outbox.event_log import event
from outbox.person import recipient
from outbox.person.recipient import Profile
from outbox.relay import fan_out
from telegram import Budget
from tests.integration.stage import Stage, payload
from tests.integration.test_deliver import broadcast, run
from workers.wiring.worker_parts import WorkerParts

ORDINARY, URGENT = "application.accepted", "payout.paid"
"""Types of the sample catalog."""

# an hour ago it became quiet, in another hour it ends
SLEEP = """
update outbox.recipient set quiet = $2, zone = 'Asia/Kathmandu',
  quiet_from = (now() at time zone 'Asia/Kathmandu' - interval '1 hour')::time,
  quiet_until = (now() at time zone 'Asia/Kathmandu' + interval '1 hour')::time
where recipient = any($1::text[])
"""
# the night has passed
MORNING = """
update outbox.recipient set quiet_from = (now() at time zone 'Asia/Kathmandu' - interval '3 hours')::time,
  quiet_until = (now() at time zone 'Asia/Kathmandu')::time;
update outbox.lane set due_at = now() where due_at is not null;
update outbox.delivery set due_at = now() where state = 'pending'
"""


async def sleeps(stage: Stage, quiet: str, **chats: int) -> None:
    """Let it be night for these people."""
    await stage.people(chats)
    await stage.conn.execute(SLEEP, list(chats), quiet)


async def send(
    stage: Stage, parts: WorkerParts, *numbers: int, type_: str = ORDINARY, within: timedelta | None = None
) -> None:
    """Emit messages to anna that can be told by their numbers, and relay them."""
    expires_at = None if within is None else await stage.conn.fetchval("select now() + $1::interval", within)
    for number in numbers:
        await event.emit(stage.conn, type_, ["anna"], payload(number), expires_at=expires_at)
    while await fan_out.peek(stage.conn, parts.routes):
        await fan_out.step(stage.conn, parts.routes)


async def heard(stage: Stage, chat_id: int = 1) -> list[tuple[int, bool]]:
    """Tell the numbers of the messages that a chat shows, oldest first, and whether each came with a sound."""
    shown = await stage.order("GET", f"chats/{chat_id}/messages")
    return list(zip(await stage.arrived(chat_id), [not message["silent"] for message in shown], strict=True))


async def held(stage: Stage) -> list[tuple[str | None, int, bool]]:
    """List what waits: why, attempts made, and whether it waits until the night has passed."""
    rows = await stage.conn.fetch(
        "select d.reason, d.attempts, l.due_at between now() + interval '59 minutes' and now() + interval '1 hour'"
        " from outbox.delivery d join outbox.lane l on l.id = d.lane_id where d.state = 'pending' order by d.id"
    )
    return [tuple(row) for row in rows]


async def test_a_message_at_night_makes_no_sound(stage: Stage, parts: WorkerParts) -> None:
    """Who has chosen silence gets everything at once without a sound, and what is urgent with one."""
    await sleeps(stage, "silent", anna=1)
    await send(stage, parts, 1)
    await send(stage, parts, 2, type_=URGENT)
    await run(parts)
    assert await heard(stage) == [(1, False), (2, True)]


async def test_a_message_by_day_makes_a_sound(stage: Stage, parts: WorkerParts) -> None:
    """Quiet hours change nothing outside of them, or where a person has switched them off."""
    await sleeps(stage, "hold", anna=1)
    await stage.conn.execute(MORNING)
    await send(stage, parts, 1)
    await run(parts)
    await stage.conn.execute(SLEEP, ["anna"], "off")
    await send(stage, parts, 2)
    await run(parts)
    assert await heard(stage) == [(1, True), (2, True)]


async def test_a_message_is_held_until_the_morning(stage: Stage, parts: WorkerParts) -> None:
    """It waits without a request, an attempt or a warning, a run does not wait for it, and then it comes as by day."""
    await sleeps(stage, "hold", anna=1)
    await send(stage, parts, 1, 2)
    with capture_logs() as lines:
        await run(parts)
        await run(parts)
    told: list[Any] = [line for line in lines if line["event"] == "delivery_postponed"]
    assert [(line["log_level"], line["reason"]) for line in told] == [("info", "quiet_hours")]
    assert await held(stage) == [("quiet_hours", 0, True), (None, 0, True)]
    assert (await stage.order("GET", "counters"))["calls"] == 0
    assert parts.health.counters.retried == 0
    await stage.conn.execute(MORNING)
    await run(parts)
    assert await heard(stage) == [(1, True), (2, True)]


async def test_what_is_held_goes_before_what_is_urgent(stage: Stage, parts: WorkerParts) -> None:
    """An urgent message is not held up, and the order is kept: what was held comes before it, without a sound."""
    await sleeps(stage, "hold", anna=1)
    await send(stage, parts, 1, 2)
    await run(parts)
    await send(stage, parts, 3, type_=URGENT)
    await send(stage, parts, 4)
    await run(parts)
    assert await heard(stage) == [(1, False), (2, False), (3, True)]
    assert await held(stage) == [("quiet_hours", 0, True)]


async def test_what_waits_before_something_urgent_is_not_held_at_all(stage: Stage, parts: WorkerParts) -> None:
    """It comes at its first attempt: no second one is needed to find out."""
    await sleeps(stage, "hold", anna=1)
    await send(stage, parts, 1)
    await send(stage, parts, 2, type_=URGENT)
    await run(parts)
    assert await heard(stage) == [(1, False), (2, True)]
    assert await stage.conn.fetchval("select count(*) from outbox.attempt") == 0


async def test_what_has_expired_hurries_nothing(stage: Stage, parts: WorkerParts) -> None:
    """A message that can only be marked as expired is no reason to wake anybody."""
    await sleeps(stage, "hold", anna=1)
    await send(stage, parts, 1)
    await send(stage, parts, 2, within=timedelta(seconds=-1))
    await run(parts)
    assert [reason for reason, _, _ in await held(stage)] == ["quiet_hours", None]


async def test_what_would_expire_by_the_morning_is_not_held(stage: Stage, parts: WorkerParts) -> None:
    """It comes without a sound, after what was held before it; what lives long enough is held."""
    await sleeps(stage, "hold", anna=1)
    await send(stage, parts, 1, within=timedelta(minutes=50))
    await send(stage, parts, 2, within=timedelta(minutes=70))
    await run(parts)
    assert await heard(stage) == [(1, False), (2, False)], "soon after the night it might not make it either"
    await send(stage, parts, 3, within=timedelta(hours=3))
    await run(parts)
    assert await held(stage) == [("quiet_hours", 0, True)]
    await send(stage, parts, 4, within=timedelta(minutes=50))
    await run(parts)
    assert await heard(stage) == [(1, False), (2, False), (3, False), (4, False)]


async def test_two_that_come_together_are_not_held_if_one_would_expire(stage: Stage, parts: WorkerParts) -> None:
    """What is behind a message counts also when both wait before the first is tried."""
    await sleeps(stage, "hold", anna=1)
    await send(stage, parts, 1)
    await send(stage, parts, 2, within=timedelta(minutes=50))
    await run(parts)
    assert await heard(stage) == [(1, False), (2, False)]


class Counts:
    """A pacer that counts what is taken from the bot's rate."""

    def __init__(self, parts: WorkerParts) -> None:
        self._pacer = parts.pacer
        self.taken = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pacer, name)

    async def reserve(self, want: int, *, urgent: bool = False) -> Budget:
        """Count what is granted."""
        budget = await self._pacer.reserve(want, urgent=urgent)
        self.taken += budget.granted
        return budget

    async def give_back(self, budget: Budget, unused: int) -> None:
        """Count what comes back."""
        self.taken -= max(0, unused)
        await self._pacer.give_back(budget, unused)


async def test_those_who_sleep_take_nothing_from_the_others(stage: Stage, parts: WorkerParts) -> None:
    """A message that is held leaves its share of the bot's rate to the next, and what is skipped or expired too."""
    chats = {f"u{100 + number}": 100 + number for number in range(20)}
    await sleeps(stage, "hold", **chats)
    counts = Counts(parts)
    parts.pacer = parts.bot.pacer = counts  # type: ignore[assignment]  # it is one that counts
    await broadcast(stage, parts, ORDINARY, people=23)
    await run(parts)
    assert await stage.states() == {"sent": 3, "pending": 20}
    assert counts.taken == 3


async def test_a_held_message_tries_no_gate(stage: Stage, parts: WorkerParts) -> None:
    """Behind a gate that has opened a message that is held shows nothing: the next one tries."""
    await sleeps(stage, "hold", u100=100)
    await parts.pacer.trip()
    await broadcast(stage, parts, ORDINARY, people=2)
    await run(parts)
    assert await stage.states() == {"sent": 1, "pending": 1}


async def test_a_held_message_survives_an_operators_look(stage: Stage, parts: WorkerParts) -> None:
    """Why it waits can be read: its attempt is noted with the reason, and it is proved as pending."""
    await sleeps(stage, "hold", anna=1)
    await send(stage, parts, 1)
    await run(parts)
    tried = await stage.conn.fetch("select outcome, reason, phase, resent from outbox.attempt")
    assert [tuple(row) for row in tried] == [("snooze", "quiet_hours", None, False)]


async def test_they_are_kept_when_a_profile_is_imported_again(stage: Stage, parts: WorkerParts) -> None:
    """What people choose themselves outlives what the application says of them."""
    await sleeps(stage, "hold", anna=1)
    await recipient.save(stage.conn, [Profile("anna", locale="ru", timezone="Europe/Moscow")])
    await send(stage, parts, 1)
    await run(parts)
    assert await held(stage) == [("quiet_hours", 0, True)]
