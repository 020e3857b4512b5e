"""One worker process in paid mode, limits as in production, against the simulator on a core of its own."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from telegram.simulator import DEVELOPMENT_TOKEN
from tests.bench.drain import DELIVERED, Load, analyzed, fill
from tests.bench.process import AS_SHIPPED, HTTP, PROJECT, cpu_s, watching
from tests.bench.stage import Ground, Stage
from tests.bench.table import Figure
from workers.demo.stage import ask_control

PEOPLE = 30_000
"""Each gets one message: a chat that gets more than one a second is held back."""
WARM_S, WINDOW_S = 3.0, 20.0


class Simulator(NamedTuple):
    """A simulator that runs."""

    pid: int
    api: str
    control: str


async def measure(stage: Stage) -> list[Figure]:
    """Count what is recorded as sent in a window, and what the processes take meanwhile."""
    people = stage.size(PEOPLE)
    async with stage.ground(people) as ground, _simulator(ground) as simulator:
        chats = [{"chat_id": number, "state": "started", "type": "private"} for number in range(1, people + 1)]
        await asyncio.to_thread(ask_control, f"{simulator.control}/control/chats", chats)
        await fill(ground, Load(people, people=people))
        await analyzed(ground)
        settings = {"TELEGRAM_API_BASE": simulator.api, "TELEGRAM_BOT_TOKEN": DEVELOPMENT_TOKEN}
        async with watching(ground, HTTP, AS_SHIPPED, **settings) as worker:
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(simulator.pid, cores[-1:])
            os.sched_setaffinity(worker.pid, cores[:-1] or cores)
            await asyncio.sleep(WARM_S)
            began, sent = time.monotonic(), await ground.conn.fetchval(DELIVERED)
            busy = [cpu_s(worker.pid), cpu_s(simulator.pid)]
            await asyncio.sleep(WINDOW_S * min(1.0, stage.scale))
            seconds, sent = time.monotonic() - began, await ground.conn.fetchval(DELIVERED) - sent
            busy = [(cpu_s(pid) - used) / seconds for pid, used in zip((worker.pid, simulator.pid), busy, strict=True)]
    return [
        Figure(
            "paid broadcast, one process against the simulator on a core of its own",
            f"{sent / seconds:,.0f}/s",
            "1,000/s, or what the core gives",
            f"worker {busy[0]:.0%} of a core, simulator {busy[1]:.0%}; over {seconds:.0f} s",
        )
    ]


@asynccontextmanager
async def _simulator(ground: Ground) -> AsyncIterator[Simulator]:
    command = (sys.executable, "-m", "workers", "simulator", "--port", "0", "--control-port", "0")
    with (ground.stage.folder / "simulator.log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            *command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    try:
        assert running.stdout is not None
        ready = json.loads(await running.stdout.readline())
        yield Simulator(running.pid, f"http://127.0.0.1:{ready['port']}", f"http://127.0.0.1:{ready['control_port']}")
    finally:
        running.terminate()
        await running.wait()
