"""One event for very many people, in emits of 10,000, at the rate that Telegram allows: memory, and who is urgent."""

import asyncio

from tests.bench import catalog
from tests.bench.backlog import RELAYED, until_relayed
from tests.bench.drain import Load, fill
from tests.bench.probe import ms, probing
from tests.bench.process import AS_SHIPPED, memory_mb, watching
from tests.bench.stage import Stage
from tests.bench.table import Figure

EMITS, EACH = 100, 10_000
AFTER_S, SETTLE_S = 20.0, 3.0
WITHIN_S = 600.0


async def measure(stage: Stage) -> list[Figure]:
    """Emit, and go on for a while when all of it is relayed; the limits are those of production."""
    emits = max(1, round(EMITS * stage.scale))
    people = emits * EACH
    async with stage.ground(people) as ground, watching(ground, in_flight=AS_SHIPPED) as worker:
        await asyncio.sleep(SETTLE_S)
        before, relayed = memory_mb(worker.pid, "VmRSS"), await ground.conn.fetchval(RELAYED)
        await fill(ground, Load(emits, (catalog.TELEGRAM,), each=EACH, people=people, cold=True))
        async with probing(ground) as probes:
            await until_relayed(ground, relayed + people)
            await asyncio.sleep(AFTER_S)
        lags = await worker.until_sent(len(probes.emits), WITHIN_S)
        now, most = (memory_mb(worker.pid, name) for name in ("VmRSS", "VmHWM"))
    return [
        Figure(
            f"one event for {people:,} people: memory of the worker, at most",
            f"{most} MB",
            "150 MB",
            f"{before} MB before, {now} MB after",
        ),
        Figure(
            "the same, at 1,000/s: urgent, emit to send, p50 / p99",
            f"{ms(lags, 50):.0f} / {ms(lags, 99):.0f} ms",
            "1 s",
            f"{len(lags)} of them; longest transaction of the relay {probes.longest * 1000:.0f} ms",
        ),
    ]
