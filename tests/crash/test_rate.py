"""The rate with four real workers: all of it is used, none of it is overdrawn, and a limit that is lower is found."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from outbox.event_log import event
from outbox.proof import completeness
from telegram import Pacer
from telegram.simulator import DEVELOPMENT_TOKEN
from tests.crash.catalog import BOTH
from tests.integration.stage import Stage, until_true
from workers.embedded.child_process import simulator

pytestmark = pytest.mark.alone

RATE = 25
LOW_RATE = 12
LIMITS = {"BOT_RATE": str(RATE), "CHAT_RATE": "1"}
MINUTE_S = 60
LEAD_S = 1
"""What is left out at the beginning, when the first worker has just begun."""


@asynccontextmanager
async def four_workers(stage: Stage, people: int, messages: int, *options: str) -> AsyncIterator[Stage]:
    """Let four workers send messages that wait already, to a simulator with these limits."""
    with ExitStack() as processes:
        bot_api, control = processes.enter_context(simulator({}, stage.folder / "limits.log", *options))
        own = {**stage.environment, **LIMITS, "TELEGRAM_API_BASE": bot_api}
        limited = replace(stage, environment=own, control=control)
        who = [f"u-{number}" for number in range(people)]
        await limited.people({name: number for number, name in enumerate(who, 1)})
        for number in range(messages // people):
            for name in who:
                await event.emit(limited.conn, BOTH, [name], {"number": number})
        for name in ("w1", "w2", "w3", "w4"):
            processes.enter_context(limited.watching(name))
        yield limited


async def sends(stage: Stage) -> list[dict[str, Any]]:
    """Tell every send that the Bot API has seen, oldest first."""
    calls = await stage.order("GET", "calls")
    return sorted((call for call in calls if call["method"].lower() == "sendmessage"), key=lambda call: call["time"])


async def delivered(stage: Stage, messages: int) -> None:
    """Wait until so many messages have arrived."""

    async def enough() -> bool:
        return bool((await stage.order("GET", "counters"))["delivered"] >= messages)

    await until_true(enough)


async def test_four_workers_use_the_whole_rate_for_a_minute(
    stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    """At least 98 % of the rate goes out in a minute, and Telegram, whose limit is exactly that, has no complaint."""
    messages = RATE * (MINUTE_S + 10)
    async with four_workers(stage, messages // 2, messages, "--bot-rate", str(RATE)) as limited:
        await delivered(limited, messages)
        seen = await sends(limited)
        counters = await limited.order("GET", "counters")
    begin = seen[0]["time"] + LEAD_S
    minute = sum(begin <= call["time"] < begin + MINUTE_S for call in seen)
    record_property("share_of_the_rate", minute / (RATE * MINUTE_S))
    assert minute >= 0.98 * RATE * MINUTE_S
    assert (counters["throttled"], counters["violations"], counters["duplicates"]) == (0, 0, 0)


async def test_a_limit_of_half_the_rate_is_found(
    stage: Stage, redis_url: str, record_property: Callable[[str, object], None]
) -> None:
    """Where Telegram allows half of BOT_RATE, no message is lost or doubled, and none is sent during a wait."""
    messages = LOW_RATE * 40
    # it holds messages back for a second only: else so many wait in its hands that the rate never gets too high
    options = ("--bot-rate", str(LOW_RATE), "--longest-hold", "1")
    async with four_workers(stage, messages // 2, messages, *options) as limited:
        await delivered(limited, messages)
        seen = await sends(limited)
        async with Redis.from_url(redis_url) as redis:
            pacer = Pacer(redis, int(DEVELOPMENT_TOKEN.split(":")[0]), RATE, burst=10)
            await pacer.gate_remaining()
        await limited.sent(messages)
        proved = await completeness.prove(limited.conn, datetime.fromtimestamp(0, UTC))
    record_property("rate_found", pacer.rate)
    assert pacer.rate < RATE * 0.75
    assert not [call for call in seen if call["violation"] == "during_wait"]
    assert sum(call["delivered"] for call in seen) == messages
    assert proved.holds
    assert proved.states["telegram"] == {"sent": messages}
