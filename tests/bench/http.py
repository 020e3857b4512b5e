"""Processor time of the worker for each message over real HTTP, next to a bare aiogram loop on the same server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import median

from tests.bench.drain import Drained, Load, drain
from tests.bench.process import HTTP, PROJECT
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure
from workers.embedded.engine import free_port

FEW, MANY = 1_000, 15_000
"""What the start of a process takes is in both, and falls out of their difference."""
IN_FLIGHT = 60
START_S = 10.0


async def measure(stage: Stage) -> list[Figure]:
    """Send few and then many, each way, in turns."""
    few, many = stage.size(FEW), stage.size(MANY)
    ours: list[float] = []
    bare: list[float] = []
    runs: list[Drained] = []
    async with stage.ground() as ground, _server() as api:
        for _ in range(stage.rounds):
            bare.append(await _each(few, many, lambda count: _bare(api, count)))
            ours.append(await _each(few, many, lambda count: _worker(ground, api, count, runs)))
    worker, floor, whole = median(ours), median(bare), runs[-1]
    each = whole.counts.each(whole.messages)
    return [
        Figure(
            f"Telegram over HTTP, {IN_FLIGHT} in flight: processor time of the worker",
            f"{worker * 1e6:.0f} µs a message = {worker / floor:.2f} of a bare loop",
            "1.0 of it",
            f"bare aiogram loop {floor * 1e6:.0f} µs; {whole.rate:,.0f}/s",
        ),
        Figure(
            "the same: statements and Redis commands a message",
            f"{each['statements']:.3f} and {each['commands']:.3f}",
            "0.2",
            f"WAL {each['wal']:,.0f} B, dead rows {each['dead']:.2f}",
        ),
    ]


async def _each(few: int, many: int, cpu_s: Callable[[int], Awaitable[float]]) -> float:
    return (await cpu_s(many) - await cpu_s(few)) / (many - few)


async def _worker(ground: Ground, api: str, messages: int, runs: list[Drained]) -> float:
    settings = {"TELEGRAM_API_BASE": api}
    drained = await drain(ground, Load(messages), sender=HTTP, in_flight=IN_FLIGHT, settings=settings)
    if messages == ground.stage.size(MANY):
        runs.append(drained)
    return drained.worker_s


async def _bare(api: str, messages: int) -> float:
    command = (sys.executable, "-m", "tests.bench.bare_bot", api, str(messages))
    running = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE)
    told, _ = await running.communicate()
    return float(told)


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    port = free_port()
    command = (sys.executable, "-m", "tests.bench.bot_api", str(port))
    running = await asyncio.create_subprocess_exec(*command, cwd=PROJECT)
    try:
        await _until_listening(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        await running.wait()


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
