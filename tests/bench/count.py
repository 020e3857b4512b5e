"""What the engines count: bytes of WAL, dead rows, statements and Redis commands, which no slow machine changes."""

import asyncio
from typing import NamedTuple

from redis.asyncio import Redis

from outbox.database.connection import Connection

OF_THE_WAY = {"evalsha", "eval", "script|load", "publish"}
"""What the limiter and the inbox's signals ask of Redis; what Arq asks goes by the clock, not by messages."""
INSIDE = {"hget", "hgetall", "hincrby", "hset", "pexpire", "time"}
"""What the scripts of the limiter and of the guard call: no round trips of their own."""
OURS = {"info", "hello", "client|setinfo"}

WAL = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
DEAD = "select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables where schemaname = 'outbox'"
STATEMENTS = """
select coalesce(sum(calls), 0)::bigint from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
"""
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and application_name = 'vestnik'
  and pid <> pg_backend_pid() and state <> 'idle in transaction'
"""
FORGET = "select pg_stat_statements_reset()"


class Counts(NamedTuple):
    """What has been counted since the beginning, or between two moments."""

    wal: int
    """Bytes."""
    dead: int
    """Rows that nobody sees any more and that nobody has removed yet."""
    statements: int
    commands: int
    """Of Redis, without Arq's."""

    def since(self, before: "Counts") -> "Counts":
        """Tell what has come since then."""
        return Counts(*(now - then for now, then in zip(self, before, strict=True)))

    def each(self, messages: int) -> dict[str, float]:
        """Tell how many there are for each message."""
        return {name: number / messages for name, number in self._asdict().items()}


async def count(conn: Connection, redis_url: str) -> Counts:
    """Count, when the backends of others have ended: they tell of their rows when they go."""
    await _until_gone(conn)
    await conn.execute("select pg_stat_force_next_flush()")
    await conn.execute("select pg_stat_clear_snapshot()")
    wal, dead, statements = [int(await conn.fetchval(sql)) for sql in (WAL, DEAD, STATEMENTS)]
    calls = await commands(redis_url)
    return Counts(wal, dead, statements, sum(calls.get(name, 0) for name in OF_THE_WAY))


async def commands(redis_url: str) -> dict[str, int]:
    """Tell how often each Redis command was sent."""
    async with Redis.from_url(redis_url) as redis:
        told = await redis.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in told.items()}
    return {name: number for name, number in calls.items() if name not in INSIDE | OURS}


async def _until_gone(conn: Connection) -> None:
    async with asyncio.timeout(60):
        while await conn.fetchval(OTHERS):  # noqa: ASYNC110 (the fact is in PostgreSQL)
            await asyncio.sleep(0.02)
