"""The whole way, from a committed event to its recorded end, next to the floor."""

from statistics import median

from tests.bench import catalog, floor
from tests.bench.drain import Load, drain, fit, middle
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure

FLOOR_JOBS = 200_000
MOST = 400_000


async def inapp(stage: Stage) -> list[Figure]:
    """Drain into the inbox: notification, counter and version of each are committed."""
    return [await _next_to_the_floor(stage, "in-app drain", Load(0, (catalog.INAPP,)), "1.0 of the floor")]


async def telegram(stage: Stage) -> list[Figure]:
    """Drain to Telegram in order, with a null sender: the delivery of each is recorded as sent."""
    return [await _next_to_the_floor(stage, "Telegram drain in order, null sender", Load(0), "")]


async def _next_to_the_floor(stage: Stage, what: str, load: Load, target: str) -> Figure:
    async with stage.ground() as ground:
        load = await fit(ground, load, MOST)
        pairs = [(await _floor(ground), await drain(ground, load)) for _ in range(stage.rounds)]
    ratio = median(way.rate / below for below, way in pairs)
    below, way = median(below for below, _ in pairs), middle([way for _, way in pairs])
    return Figure(
        f"{what}: {load.messages:,} messages",
        f"{way.rate:,.0f}/s = {ratio:.2f} of the floor",
        target,
        f"claim and delete {below:,.0f}/s; {way.costs}",
    )


async def _floor(ground: Ground) -> float:
    return await floor.rate(ground.conn, ground.url, ground.stage.size(FLOOR_JOBS))
