"""Drains of tables whose statistics are missing or wrong, next to one of analyzed tables."""

from collections.abc import Awaitable, Callable, Mapping

from tests.bench import catalog
from tests.bench.backlog import steady
from tests.bench.drain import Drained, Load, analyzed, empty, fill, fit, run
from tests.bench.process import watching
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure

MOST = 40_000
TEN = 10
GROWN = 100_000
TARGET = "0.9 of analyzed"

Ready = Callable[[Ground, Load], Awaitable[None]]


async def _never(ground: Ground, load: Load) -> None:
    await fill(ground, load)


async def _empty(ground: Ground, load: Load) -> None:
    await ground.conn.execute("analyze")
    await fill(ground, load)


async def _vacuumed(ground: Ground, load: Load) -> None:
    await ground.conn.execute("vacuum analyze")
    await fill(ground, load)


async def _ten_rows(ground: Ground, load: Load) -> None:
    await fill(ground, Load(TEN, load.types, people=TEN))
    await run(ground, TEN)
    await ground.conn.execute("vacuum analyze")
    await fill(ground, load)


async def _analyzed(ground: Ground, load: Load) -> None:
    await fill(ground, load)
    await analyzed(ground)


KINDS: Mapping[str, Ready] = {
    "never made": _never,
    "made while empty": _empty,
    "vacuumed while empty": _vacuumed,
    "made at ten rows": _ten_rows,
}


async def measure(stage: Stage) -> list[Figure]:
    """Drain each kind on a database of its own, and let the tables grow under one worker that runs."""
    return [
        *await _channel(stage, "in-app", catalog.INAPP),
        *await _channel(stage, "Telegram", catalog.TELEGRAM),
        await _grown(stage),
    ]


async def _channel(stage: Stage, channel: str, event_type: str) -> list[Figure]:
    async with stage.ground() as ground:
        load = await fit(ground, Load(0, (event_type,)), MOST)
    good = await _drain(stage, load, _analyzed)
    return [
        Figure(
            f"{channel} drain, statistics {kind}: {load.messages:,} messages",
            (await _drain(stage, load, ready)).next_to(good),
            TARGET,
            f"analyzed {good.rate:,.0f}/s, {good.costs}",
        )
        for kind, ready in KINDS.items()
    ]


async def _drain(stage: Stage, load: Load, ready: Ready) -> Drained:
    async with stage.ground() as ground:
        await ready(ground, load)
        return await run(ground, load.messages)


async def _grown(stage: Stage) -> Figure:
    """Give a running worker, whose plans are of empty tables, so much that it has to do with large ones."""
    load = Load(stage.size(GROWN))
    async with stage.ground() as ground:
        await ground.conn.execute("vacuum analyze")
        async with watching(ground) as worker:
            await fill(ground, load)
            grown = await steady(worker, load.messages)
        await empty(ground)
        await _analyzed(ground, load)
        async with watching(ground) as worker:
            good = await steady(worker, load.messages)
    what = f"Telegram, grown from empty under one worker: {load.messages:,} messages"
    return Figure(what, f"{grown:,.0f}/s = {grown / good:.2f}", TARGET, f"analyzed {good:,.0f}/s")
