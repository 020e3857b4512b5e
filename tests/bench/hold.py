"""A drain beside a writing transaction that stays open for the whole of it, next to one without."""

from tests.bench import catalog
from tests.bench.drain import Drained, Load, alternate, drain, fit, held
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure

MOST = 100_000


async def measure(stage: Stage) -> list[Figure]:
    """Compare both channels; what a held-back horizon costs grows with the rows, so their number is the same."""
    return [
        await _compare(stage, "in-app", Load(0, (catalog.INAPP,)), "0.98"),
        await _compare(stage, "Telegram", Load(0), "0.95"),
    ]


async def _compare(stage: Stage, channel: str, load: Load, target: str) -> Figure:
    async with stage.ground() as ground:
        load = await fit(ground, load, MOST)
        free, beside = await alternate(stage.rounds, lambda: drain(ground, load), lambda: _held(ground, load))
    return Figure(
        f"{channel} drain, a writing transaction held open: {load.messages:,} messages",
        beside.next_to(free),
        f"{target} of without",
        f"{free.rate:,.0f}/s without, {free.costs}; with {beside.costs}",
    )


async def _held(ground: Ground, load: Load) -> Drained:
    # from before the events were committed
    async with held(ground):
        return await drain(ground, load)
