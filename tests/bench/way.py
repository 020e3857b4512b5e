"""The whole way, from a committed event to its recorded end, next to the floor."""

from statistics import median

from tests.bench import catalog, floor
from tests.bench.drain import Load, drain, fit, middle
from tests.bench.process import IN_FLIGHT
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure

FLOOR_JOBS = 200_000
MOST = 400_000


async def inapp(stage: Stage) -> list[Figure]:
    """Drain into the inbox: notification, counter and version of each are committed."""
    load = Load(0, (catalog.INAPP,))
    return await _next_to_the_floor(stage, "in-app drain", load, ("1.0 of the floor", ""))


async def telegram(stage: Stage) -> list[Figure]:
    """Drain to Telegram in order, with a null sender: the delivery of each is recorded as sent."""
    targets = ("", "1,000 B; 1.0; 0.05; 0.05")
    return await _next_to_the_floor(stage, "Telegram drain in order, null sender", Load(0), targets)


async def _next_to_the_floor(stage: Stage, what: str, load: Load, targets: tuple[str, str]) -> list[Figure]:
    async with stage.ground() as ground:
        load = await fit(ground, load, MOST)
        pairs = [(await _floor(ground), await drain(ground, load)) for _ in range(stage.rounds)]
    ratio = median(way.rate / below for below, way in pairs)
    below, way = median(below for below, _ in pairs), middle([way for _, way in pairs])
    each = way.counts.each(way.messages)
    return [
        Figure(
            f"{what}: {load.messages:,} messages",
            f"{way.rate:,.0f}/s = {ratio:.2f} of the floor",
            targets[0],
            f"claim and delete {below:,.0f}/s; {way.costs}",
        ),
        Figure(
            "the same, a message: WAL; dead rows; statements; Redis commands",
            f"{each['wal']:,.0f} B; {each['dead']:.2f}; {each['statements']:.3f}; {each['commands']:.3f}",
            targets[1],
            f"{IN_FLIGHT} in flight, autovacuum off, after a checkpoint",
        ),
    ]


async def _floor(ground: Ground) -> float:
    return await floor.rate(ground.conn, ground.url, ground.stage.size(FLOOR_JOBS))
