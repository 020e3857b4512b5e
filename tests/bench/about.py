"""What it is measured on, said at the head of the table: a figure without it says nothing."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from redis.asyncio import Redis

from outbox.database.connection import connect
from tests.bench.stage import SETTINGS, Stage

PROJECT = Path(__file__).parents[2]
SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes")


async def describe(stage: Stage) -> str:
    """Name machine, engines, code and load."""
    conn = await connect(stage.server.url())
    shown = [f"{name} {await conn.fetchval('select current_setting($1)', name)}" for name in SHOWN]
    await conn.close()
    async with Redis.from_url(stage.redis_url) as redis:
        server = await redis.info("server")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.platform()}"
    pooler = ["behind PgBouncer"] if stage.pooler else []
    postgres = ", ".join([*pooler, *shown, *(f"{name} {value}" for name, value in SETTINGS.items())])
    valkey = server.get("valkey_version", server["redis_version"])
    lines = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}",
        f"{machine}; load before it began {os.getloadavg()[0]:.1f}",
        f"PostgreSQL {postgres}",
        f"Valkey {valkey}; Python {platform.python_version()}, uvloop; scale {stage.scale:g}, rounds {stage.rounds}",
    )
    return "\n".join(lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    told = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
