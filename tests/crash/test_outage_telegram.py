"""Telegram out of order under load: what it costs is time, and copies only where they are counted."""

from dataclasses import replace

import pytest

from tests.crash.nursery import Nursery
from tests.crash.outage import PEOPLE, Outage, outage
from tests.crash.wire import Wire
from tests.integration.stage import Stage, until, until_true
from workers.embedded.child_process import simulator

Fault = dict[str, object]

SEND = {"method": "sendMessage"}


async def strike(running: Outage, *faults: Fault, events: int = 60) -> None:
    """Order faults, and let them last while so many events commit, and until each has struck as often as it may."""
    for fault in faults:
        await running.stage.order("POST", "faults", fault)
    await running.more(events)

    async def struck() -> bool:
        # one that never strikes shows nothing
        orders = await running.stage.order("GET", "faults")
        return all(fault["struck"] >= (fault["times"] or 1) for fault in orders)

    await until_true(struck)
    await running.stage.order("DELETE", "faults")


async def most_attempts(stage: Stage) -> int:
    """Tell how many attempts the delivery has cost that has cost the most."""
    return int(await stage.conn.fetchval("select max(attempts) from outbox.delivery"))


# deliveries that cost more attempts than the one that sent them and those whose outcome nobody knew
BURNT = """
select id, attempts from outbox.delivery d
where attempts > 1 + (select count(*) from outbox.attempt a where a.delivery_id = d.id and a.resent)
"""


async def burnt(stage: Stage) -> list[tuple[int, int]]:
    """List the deliveries on which the outage has burnt attempts."""
    return [tuple(row) for row in await stage.conn.fetch(BURNT)]


async def copies(stage: Stage) -> int:
    """Count the messages that a chat has received before."""
    return int((await stage.order("GET", "counters"))["duplicates"])


@pytest.mark.parametrize("fault", [{"kind": "error", "code": 500}, {"kind": "html_502"}], ids=["500", "html-502"])
async def test_an_outage_costs_no_attempt_and_no_copy(stage: Stage, cradle: Nursery, fault: Fault) -> None:
    """Server faults leave every delivery with the one attempt that sent it, nothing dead and nothing twice."""
    async with outage(stage, cradle) as running:
        await strike(running, fault)
    assert await most_attempts(stage) == 1
    assert await copies(stage) == 0


async def test_a_server_fault_now_and_then_is_no_outage(stage: Stage, cradle: Nursery) -> None:
    """500s between good answers cost time, and attempts of those that meet them twice; nothing dies, no copy comes."""
    async with outage(stage, cradle) as running:
        await strike(running, {"kind": "error", "code": 500, "probability": 0.3, "seed": 1, **SEND})
    assert await copies(stage) == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "close_before", "probability": 0.5, "seed": 2, **SEND},
        {"kind": "close_before"},
        {"kind": "close_after_delivery", "probability": 0.3, "seed": 3, **SEND},
        {"kind": "close_after_delivery", **SEND},
        {"kind": "hang", "seconds": 3, "probability": 0.3, "seed": 4, **SEND},
        {"kind": "hang", "seconds": 3},
    ],
    ids=["closed-before", "all-closed-before", "closed-after", "all-closed-after", "hung", "all-hung"],
)
async def test_what_nobody_knows_is_sent_again_and_counted(stage: Stage, cradle: Nursery, fault: Fault) -> None:
    """Connections that break after the request lose nothing, and each copy that arrives was counted."""
    async with outage(stage, cradle) as running:
        await strike(running, fault)
    resent = await stage.conn.fetchval("select count(*) from outbox.attempt where resent")
    assert resent > 0, "without one the test shows nothing"
    assert await copies(stage) <= resent
    assert await burnt(stage) == []


@pytest.mark.parametrize(
    "faults",
    [
        [{"kind": "bad_json"}],
        [
            {"kind": "latency", "seconds": seconds, "probability": 0.07, "seed": seconds, **SEND}
            for seconds in (8, 5, 2)
        ],
    ],
    ids=["cut-answers", "slow-answers"],
)
async def test_a_message_that_arrived_is_not_sent_again(stage: Stage, cradle: Nursery, faults: list[Fault]) -> None:
    """An answer that cannot be read, or takes up to 8 s, makes no copy and costs no second attempt."""
    async with outage(stage, cradle) as running:
        await strike(running, *faults)
    assert await copies(stage) == 0
    assert await most_attempts(stage) == 1


async def test_a_telegram_that_is_gone_is_waited_for(stage: Stage, cradle: Nursery) -> None:
    """Cut in the middle of the work and then refused, every delivery waits as it was, and goes on when it may."""
    async with Wire(stage.environment["TELEGRAM_API_BASE"]) as wire:
        behind = replace(stage, environment={**stage.environment, "TELEGRAM_API_BASE": wire.url})
        async with outage(behind, cradle) as running:
            await wire.cut()
            # who tries is told by the breaker that all share: the other worker need not have noticed yet
            await until(lambda: "unhealthy" in running.said("telegram")[0] + running.said("telegram")[1])
            await running.more(60)
            await wire.mend()
    assert await burnt(stage) == []


async def test_a_wrong_token_changes_no_link(stage: Stage, cradle: Nursery) -> None:
    """With 401 for everything nothing dies and no link changes, health says so, and a token that is good goes on."""
    async with outage(stage, cradle) as running:
        await stage.order("POST", "faults", {"kind": "error", "code": 401, "description": "Unauthorized"})
        await running.told("telegram", "unhealthy")
        await running.more()
        links = await stage.conn.fetch("select state, count(*) from outbox.telegram_link group by 1")
        assert [tuple(row) for row in links] == [("active", len(PEOPLE))]
        assert set(await stage.states()) <= {"pending", "sending", "sent"}
        await stage.order("DELETE", "faults")
        # it asks who the bot is once a minute
        await running.told("telegram", "ok")
    assert await most_attempts(stage) == 1


FLOOD_S = 2


async def test_a_storm_of_429_is_obeyed(stage: Stage, cradle: Nursery) -> None:
    """After a 429 no call goes to that chat before its time, and a simulator with limits sees nothing over the rate."""
    limits = ("--bot-rate", "2000", "--chat-rate", "40")
    with simulator({}, stage.folder / "simulator.log", *limits) as (bot_api, control):
        strict = replace(stage, environment={**stage.environment, "TELEGRAM_API_BASE": bot_api}, control=control)
        async with outage(strict, cradle, CHAT_RATE="20") as running:
            order = {"kind": "error", "code": 429, "retry_after": FLOOD_S, "probability": 0.5, "seed": 5, "times": 4}
            await strike(running, {**order, **SEND})
        assert await early_calls(strict) == []
        counters = await strict.order("GET", "counters")
    assert (counters["throttled"], counters["violations"], counters["duplicates"]) == (4, 0, 0)
    assert await most_attempts(stage) == 1


async def early_calls(stage: Stage) -> list[int]:
    """Give the numbers of the calls that came to a chat during its wait."""
    ends: dict[int, float] = {}
    early = []
    for call in await stage.order("GET", "calls"):
        if call["method"] != "sendMessage":
            continue
        if call["time"] < ends.get(call["chat_id"], 0):
            early.append(call["number"])
        if call["decision"] == 429:
            ends[call["chat_id"]] = call["time"] + FLOOD_S
    return early
