"""While a worker drains: how long an urgent event of somebody else takes, the relay's transactions, others' emits."""

import asyncio

from tests.bench.drain import Load, fill
from tests.bench.probe import ms, probing
from tests.bench.process import Watching, watching
from tests.bench.stage import Stage
from tests.bench.table import Figure

EVENTS = 200_000
QUIET_S, SETTLE_S = 10.0, 3.0
WITHIN_S = 300.0


async def measure(stage: Stage) -> list[Figure]:
    """Emit urgent events beside nothing, and then beside a large backlog that goes to Telegram."""
    load = Load(stage.size(EVENTS))
    async with stage.ground() as ground, watching(ground) as worker:
        await asyncio.sleep(SETTLE_S)
        async with probing(ground) as alone:
            await asyncio.sleep(max(2.0, QUIET_S * min(1.0, stage.scale)))
        idle = await worker.until_sent(len(alone.emits))
        await fill(ground, load)
        async with probing(ground) as beside:
            await _until_drained(worker, load.messages)
        lags = (await worker.until_sent(len(alone.emits) + len(beside.emits)))[len(idle) :]
    return [
        Figure(
            f"while it drains {load.messages:,}: urgent, emit to send, p50 / p99",
            f"{ms(lags, 50):.0f} / {ms(lags, 99):.0f} ms",
            "1 s",
            f"idle {ms(idle, 50):.0f} / {ms(idle, 99):.0f} ms; {len(lags)} of them",
        ),
        Figure(
            "the same: longest transaction of the relay",
            f"{beside.longest * 1000:.0f} ms",
            "250 ms",
            "looked at every 5 ms",
        ),
        Figure(
            "the same: others' emit, p99",
            f"{ms(beside.emits, 99):.1f} ms = {ms(beside.emits, 99) / ms(alone.emits, 99):.1f} of idle",
            "2 of idle",
            f"idle {ms(alone.emits, 99):.1f} ms; p50 {ms(beside.emits, 50):.1f} and {ms(alone.emits, 50):.1f} ms",
        ),
    ]


async def _until_drained(worker: Watching, messages: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not (seen := worker.progress()) or seen[-1][1] < messages * 0.99 - 100:  # noqa: ASYNC110 (as below)
            # the fact is in a file
            await asyncio.sleep(0.2)
