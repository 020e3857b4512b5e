"""The floor of a drain: claim jobs with SKIP LOCKED and delete them, in batches of 100, and nothing else."""

import json
import time

import asyncpg

from outbox.database.connection import Connection

BATCH = 100

TABLE = """
create table if not exists public.floor_job (
  id bigint generated always as identity primary key, kind text not null, payload jsonb not null,
  created timestamptz not null default now()
)
"""
FILL = """
insert into public.floor_job (kind, payload) select 'job', '{"t": 0}' from generate_series(1, $1::integer)
"""
CLAIM = "select id, payload from public.floor_job order by id limit $1 for update skip locked"
DELETE = "delete from public.floor_job where id = any($1::bigint[])"


async def rate(conn: Connection, url: str, jobs: int) -> float:
    """Do so many jobs; tell how many that were a second."""
    await fill(conn, jobs)
    await conn.execute("vacuum analyze public.floor_job")
    await conn.execute("checkpoint")
    return jobs / await seconds(url)


async def fill(conn: Connection, jobs: int) -> None:
    """Commit so many jobs, and no others."""
    await conn.execute(TABLE)
    await conn.execute("truncate public.floor_job")
    await conn.execute(FILL, jobs)


async def seconds(url: str) -> float:
    """Do all the jobs; tell how long that took."""
    began = time.perf_counter()
    # as it comes: what the product asks of its sessions is not part of the floor
    plain = await asyncpg.connect(url)
    while await _step(plain):
        pass
    await plain.close()
    return time.perf_counter() - began


async def _step(conn: "asyncpg.Connection[asyncpg.Record]") -> int:
    async with conn.transaction():
        rows = await conn.fetch(CLAIM, BATCH)
        for row in rows:
            json.loads(row["payload"])
        if rows:
            await conn.execute(DELETE, [row["id"] for row in rows])
    return len(rows)
