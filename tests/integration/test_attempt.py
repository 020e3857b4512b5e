"""Attempts on real parts: what an answer does to the link, to the other messages and to the metrics."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from health import Health
from outbox.delivery.channel import Channel
from outbox.event_log import event
from outbox.lane import lane_claim
from outbox.recording.record import Recorded
from outbox.relay import fan_out
from tests.crash.catalog import HELD, write
from tests.integration.stage import TYPE, Stage
from tests.integration.test_deliver import run
from workers.configuration.settings import Settings
from workers.delivery.expired_lease import settle
from workers.delivery.recorder import count
from workers.wiring.worker_parts import WorkerParts, wire
from workers.worker.watch import USES


async def send(stage: Stage, parts: WorkerParts, *people: str) -> None:
    """Emit one message to each of these people, and deliver what is due."""
    for number, who in enumerate(people):
        await stage.emit(number, who)
    await fan_out.step(stage.conn, parts.routes)
    await fan_out.step(stage.conn, parts.routes)
    await run(parts)


async def refuse(stage: Stage, code: int, description: str, times: int | None = None) -> None:
    """Let Telegram refuse messages."""
    fault = {"kind": "error", "method": "sendMessage", "code": code, "description": description, "times": times}
    await stage.order("POST", "faults", fault)


async def link_of(stage: Stage, who: str) -> tuple[str, str | None]:
    """Read the state of somebody's link, and what is held against their chat."""
    row = await stage.conn.fetchrow("select state, fault from outbox.telegram_link where recipient = $1", who)
    assert row is not None
    return row["state"], row["fault"]


async def test_a_chat_that_is_not_found_once_is_not_given_up(stage: Stage, parts: WorkerParts) -> None:
    """The message dies, the link stays; seen again an hour later it is believed."""
    await stage.people({"anna": 1})
    await refuse(stage, 400, "Bad Request: chat not found")
    await send(stage, parts, "anna")
    assert await link_of(stage, "anna") == ("active", "chat_not_found")
    await stage.conn.execute("update outbox.telegram_link set fault_since = fault_since - interval '1 hour'")
    await send(stage, parts, "anna")
    assert await link_of(stage, "anna") == ("unreachable", "chat_not_found")
    assert await stage.states() == {"dead": 2}


async def test_a_message_that_arrives_clears_what_was_held_against_its_chat(stage: Stage, parts: WorkerParts) -> None:
    """A chat that takes messages again is written to as before, also when its link had been closed."""
    await stage.people({"anna": 1, "boris": 2})
    await refuse(stage, 400, "Bad Request: chat not found", times=1)
    await send(stage, parts, "anna")
    await send(stage, parts, "anna")
    assert await link_of(stage, "anna") == ("active", None)
    # a dead letter of a closed link that an operator replays
    await stage.emit(3, "boris")
    await fan_out.step(stage.conn, parts.routes)
    await stage.conn.execute("update outbox.telegram_link set state = 'blocked' where recipient = 'boris'")
    await run(parts)
    assert await link_of(stage, "boris") == ("active", None)


async def test_refusals_in_masses_close_no_link(stage: Stage, parts: WorkerParts) -> None:
    """From the twentieth on messages wait, and the links that were closed before it are opened again."""
    people = {f"u{number}": number for number in range(1, 41)}
    await stage.people(people)
    await refuse(stage, 403, "Forbidden: user is deactivated")
    await send(stage, parts, *people)
    states = await stage.states()
    assert states["dead"] == 19
    assert states["pending"] == 21
    closed = await stage.conn.fetchval("select count(*) from outbox.telegram_link where state <> 'active'")
    assert closed == 0
    assert "telegram" in parts.out_of_reach


async def test_a_message_without_its_markup_is_counted_by_type(stage: Stage, parts: WorkerParts) -> None:
    """It arrives as plain text, and the author of the type's texts can learn of it."""
    await stage.people({"anna": 1})
    await refuse(stage, 400, "Bad Request: can't parse entities: Unexpected end tag at byte offset 3", times=1)
    await send(stage, parts, "anna")
    assert await stage.states() == {"sent": 1}
    degraded = {"type": TYPE, "part": "markup"}
    assert parts.metrics.registry.get_sample_value("vestnik_messages_degraded_total", degraded) == 1
    [tried] = await stage.conn.fetch("select outcome, reason, phase from outbox.attempt")
    assert tuple(tried) == ("delivered", "markup", "answered")


async def test_lanes_that_only_their_pace_holds_back_are_counted(parts: WorkerParts) -> None:
    """The limiter's metric tells chats from the bot."""
    count(parts, [], Recorded(paced=3))
    assert parts.metrics.registry.get_sample_value("vestnik_limiter_denied_total", {"scope": "chat"}) == 3


@pytest.fixture
async def operated(stage: Stage) -> AsyncIterator[WorkerParts]:
    """Wire the parts of a worker with an operator, and types that must not arrive twice."""
    given: dict[str, str] = {name.lower(): value for name, value in stage.environment.items()}
    given |= {"operators": "olga", "catalog_dir": str(write(stage.folder / "catalog"))}
    async with wire(Settings(**given), Health("worker", "w1", USES)) as wired:  # type: ignore[arg-type]  # from text
        yield wired


async def test_operators_learn_of_what_a_dead_worker_left(stage: Stage, operated: WorkerParts) -> None:
    """A held delivery whose worker died is told to them as one whose answer was lost is."""
    await stage.people({"anna": 1})
    await event.emit(stage.conn, HELD, ["anna"], {"number": 1})
    await fan_out.step(stage.conn, operated.routes)
    [claimed] = await lane_claim.claim(stage.conn, Channel.TELEGRAM, 1, lease=timedelta(0))
    assert await settle(operated, stage.conn) == 1
    assert await stage.states() == {"unknown": 1}
    told = await stage.conn.fetch("select recipients, payload from outbox.event where type = 'vestnik.delivery_held'")
    assert [(row["recipients"], row["payload"]) for row in told] == [(["olga"], {"type": claimed.type})]
