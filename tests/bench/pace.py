"""Telegram with full texts and a log at info, and with the limits of who does not pay, next to the plain drain."""

from tests.bench import catalog
from tests.bench.drain import Load, alternate, drain, fit
from tests.bench.stage import Stage
from tests.bench.table import Figure

MOST = 200_000


async def full(stage: Stage) -> list[Figure]:
    """Drain messages with markup, button and mute button, next to such of one number."""
    load = Load(0, (catalog.FULL,), catalog.LONG)
    return [await _compare(stage, "full texts, log at info", load, {"LOG_LEVEL": "info"}, "0.6")]


async def free(stage: Stage) -> list[Figure]:
    """Drain as one who does not pay, with rates that nobody reaches: each chat's pace is written down."""
    return [await _compare(stage, "not paid, rates out of reach", Load(0), {"PAID_BROADCAST": "false"}, "0.9")]


async def _compare(stage: Stage, what: str, load: Load, settings: dict[str, str], target: str) -> Figure:
    async with stage.ground() as ground:
        load = await fit(ground, load, MOST, settings)
        plain, other = await alternate(
            stage.rounds,
            lambda: drain(ground, Load(load.events)),
            lambda: drain(ground, load, settings=settings),
        )
    return Figure(
        f"Telegram drain, {what}: {load.messages:,} messages",
        other.next_to(plain),
        f"{target} of it",
        f"{plain.rate:,.0f}/s, {plain.costs}; here {other.costs}",
    )
