"""The rate at which messages go while very many wait, next to the rate while few do."""

import asyncio

from tests.bench.drain import Load, analyzed, empty, fill
from tests.bench.process import STUCK, Watching, watching
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure

FEW, MANY = 50_000, 5_000_000
WARM_S, WINDOW_S = 1.0, 20.0
RELAYED_WITHIN_S = 3600.0

RELAYED = """
select coalesce(sum(n_tup_ins), 0)::bigint from pg_stat_user_tables
where schemaname = 'outbox' and relname = 'delivery'
"""


async def measure(stage: Stage) -> list[Figure]:
    """Let all of it be relayed first, since what waits is what may slow the others down."""
    few, many = (Load(stage.size(number)) for number in (FEW, MANY))
    async with stage.ground() as ground:
        below, above = await _rate(ground, few), await _rate(ground, many)
    return [
        Figure(
            f"Telegram, while {many.messages:,} wait",
            f"{above:,.0f}/s = {above / below:.2f} of few",
            "0.9 of few",
            f"{below:,.0f}/s while {few.messages:,} wait",
        )
    ]


async def _rate(ground: Ground, load: Load) -> float:
    await empty(ground)
    before = await ground.conn.fetchval(RELAYED)
    await fill(ground, load)
    async with watching(ground, STUCK, in_flight=1):
        await until_relayed(ground, before + load.messages)
    await analyzed(ground)
    async with watching(ground) as worker:
        return await steady(worker, load.messages)


async def until_relayed(ground: Ground, deliveries: int) -> None:
    """Wait until there have been so many deliveries."""
    async with asyncio.timeout(RELAYED_WITHIN_S):
        while await ground.conn.fetchval(RELAYED) < deliveries:  # noqa: ASYNC110 (the fact is in PostgreSQL)
            await asyncio.sleep(0.5)


async def steady(worker: Watching, messages: int) -> float:
    """Tell how many messages go a second, from soon after the first until so many are nearly over, or for a while.

    Raises:
        RuntimeError: they were too few.

    """
    async with asyncio.timeout(60 + 4 * WINDOW_S):
        while not (seen := worker.progress()):  # noqa: ASYNC110 (the fact is in a file)
            await asyncio.sleep(0.05)
        while seen[-1][1] < messages * 0.95 - 100 and seen[-1][0] - seen[0][0] < WINDOW_S:
            await asyncio.sleep(0.2)
            seen = worker.progress()
    # the first second is the start's, where there is more than that
    later = [one for one in seen if one[0] - seen[0][0] > WARM_S]
    used = later if len(later) > 1 else seen
    (began, first), (ended, last) = used[0], used[-1]
    if ended == began:
        raise RuntimeError("too few messages to tell a rate")
    return (last - first) / (ended - began)
