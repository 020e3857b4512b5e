"""What one worker process takes: processor time while nothing happens, and memory when 1,000,000 deliveries wait."""

import asyncio
import os
import time
from contextlib import ExitStack
from pathlib import Path

from health import read as read_health
from outbox import migration
from outbox.database import Connection, connect
from tests.bench.table import Figure
from workers import demo
from workers.process import process

WAITING = 1_000_000
IDLE_S = 20.0
PATIENCE_S = 1200.0
MB = 1_000_000

PEOPLE = """
insert into outbox.telegram_link (recipient, chat_id) select 'u-' || n, n from generate_series(0, 199999) n
"""
EVENTS = """
insert into outbox.event (type, recipients, payload)
select 'invitation.created', array['u-' || n % 200000], '{"job": "UGC", "brand": "Acme", "url": "/jobs/1"}'
from generate_series(1, $1::integer) n
"""
UNRELAYED = "select count(*) from outbox.event e where not exists (select from outbox.batch b where b.events @> e.id)"


def measure(stage: demo.Stage) -> list[Figure]:
    """Let a worker sleep, then let it relay everything and send at the usual rate."""
    health = stage.folder / "memory.json"
    own = {"INSTANCE": "memory", "HEALTH_FILE": str(health)}
    with ExitStack() as stack:
        asyncio.run(_prepare(stage))
        worker = process(["worker", "--watch"], {**stage.environment, **own}, health.with_suffix(".log"))
        pid = stack.enter_context(worker).pid
        while read_health(health).exit_code != 0:
            time.sleep(0.1)
        before = _cpu_s(pid)
        time.sleep(IDLE_S)
        idle = (_cpu_s(pid) - before) / IDLE_S
        empty = _memory(pid, "VmRSS")
        asyncio.run(_load(stage))
        return [
            Figure("worker: CPU when idle", f"{idle:.1%} of a core", "3 %", f"{IDLE_S:.0f} s"),
            Figure(
                f"worker: resident memory at {WAITING:,} waiting, now / at most",
                f"{_memory(pid, 'VmRSS')} / {_memory(pid, 'VmHWM')} MB",
                "150 MB",
                f"{empty} MB before",
            ),
        ]


async def _prepare(stage: demo.Stage) -> None:
    conn = await connect(stage.database_url)
    await migration.migrate(conn)
    await conn.execute(PEOPLE)
    await conn.close()


async def _load(stage: demo.Stage) -> None:
    """Emit, and wait until all of it is relayed."""
    conn = await connect(stage.database_url)
    await conn.execute(EVENTS, WAITING, timeout=PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while await _unrelayed(conn):  # noqa: ASYNC110 (the fact is in the database)
            await asyncio.sleep(1)
    await conn.close()


async def _unrelayed(conn: Connection) -> int:
    return int(await conn.fetchval(UNRELAYED, timeout=PATIENCE_S))


def _memory(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return kilobytes * 1024 // MB


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
