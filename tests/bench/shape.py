"""Shapes of a load that must not slow it down: many types, many recipients an event, one lane with very many."""

from tests.bench import backlog, catalog
from tests.bench.drain import Load, alternate, analyzed, drain, empty, fill, fit
from tests.bench.process import watching
from tests.bench.stage import PEOPLE, Ground, Stage
from tests.bench.table import Figure

MOST = 200_000
TYPES = 1_000
IN_ONE_LANE = 100_000
OTHERS = 100_000

CROWD = """
insert into outbox.event (type, recipients, payload)
select $2, array['u' || $3::integer], '{"t": 1}' from generate_series(1, $1::integer)
"""


async def types(stage: Stage) -> list[Figure]:
    """Drain events of a thousand types, next to those of one; the catalog is the same."""
    folder = catalog.write(stage.folder / "many-types", TYPES)
    settings = {"CATALOG_DIR": str(folder)}
    async with stage.ground() as ground:
        one = await fit(ground, Load(0, catalog.numbered(1)), MOST, settings)
        many = Load(one.events, catalog.numbered(TYPES))
        below, above = await alternate(
            stage.rounds,
            lambda: drain(ground, one, settings=settings),
            lambda: drain(ground, many, settings=settings),
        )
    return [
        _figure(
            f"Telegram drain of {TYPES:,} types: {one.messages:,} messages",
            above.next_to(below),
            below.rate,
            "one type",
        )
    ]


async def recipients(stage: Stage) -> list[Figure]:
    """Drain events for 10,000 people each, next to such for one, by recipients."""
    return [
        await _recipients(stage, name, kind)
        for name, kind in (("in-app", catalog.INAPP), ("Telegram", catalog.TELEGRAM))
    ]


async def _recipients(stage: Stage, channel: str, event_type: str) -> Figure:
    async with stage.ground() as ground:
        fitted = await fit(ground, Load(0, (event_type,)), MOST)
        wide = Load(max(1, fitted.events // PEOPLE), (event_type,), each=PEOPLE)
        below, above = await alternate(
            stage.rounds,
            lambda: drain(ground, Load(wide.messages, (event_type,))),
            lambda: drain(ground, wide),
        )
    what = f"{channel} drain, {PEOPLE:,} recipients an event: {wide.messages:,} messages"
    return _figure(what, above.next_to(below), below.rate, "one recipient")


async def one_lane(stage: Stage) -> list[Figure]:
    """Let very many messages of one person wait, and measure the others."""
    async with stage.ground() as ground:
        without = await _others(ground, 0)
        beside = await _others(ground, stage.size(IN_ONE_LANE))
    what = f"Telegram, others' rate while {stage.size(IN_ONE_LANE):,} wait in one lane"
    return [_figure(what, f"{beside:,.0f}/s = {beside / without:.2f}", without, "none do")]


async def _others(ground: Ground, crowd: int) -> float:
    await empty(ground)
    load = Load(ground.stage.size(OTHERS))
    await ground.conn.execute(CROWD, crowd, catalog.TELEGRAM, ground.people)
    await fill(ground, load)
    await analyzed(ground)
    async with watching(ground) as worker:
        return await backlog.steady(worker, load.messages)


def _figure(what: str, measured: str, floor: float, beside: str) -> Figure:
    return Figure(what, measured, "0.9", f"{floor:,.0f}/s where {beside}")
