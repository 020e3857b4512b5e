"""The seam of the benchmarks: one worker in a process of its own, with rates out of reach and nobody to send to."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from outbox.database.connection import Connection
from outbox.person import recipient
from outbox.person.recipient import Profile
from tests.bench import catalog, worker
from tests.integration.stage import PROJECT

# the fastest way to PostgreSQL is what is measured
pytestmark = pytest.mark.direct

EVENTS = """
insert into outbox.event (type, recipients, payload)
select $1, array['u' || 1 + i % 10], $2::text::jsonb from generate_series(1, 50) i
"""


async def test_everything_due_is_delivered_to_nobody(
    conn: Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """A run with --once sends each message to the null sender, and what it leaves can be emptied."""
    people = [Profile(f"u{number}", locale="en", chat_id=number) for number in range(1, 11)]
    await recipient.save(conn, people)
    await conn.execute(EVENTS, catalog.FULL, catalog.LONG)
    await conn.execute(EVENTS, catalog.INAPP, catalog.SHORT)
    settings = worker.environment(database_url, redis_url, catalog.write(tmp_path / "catalog"))
    report = tmp_path / "report"
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.bench.worker", "once", "null", "20", str(report)),
        env={**os.environ, **settings},
        cwd=PROJECT,
    )
    assert await running.wait() == 0
    assert json.loads(report.read_text())["sent"] == 50
    assert await conn.fetchval("select count(*) from outbox.delivery where state = 'sent'") == 50
    assert await conn.fetchval("select count(*) from outbox.notification") == 50
    await conn.execute("truncate " + worker.TABLES)
    assert await conn.fetchval("select count(*) from outbox.telegram_link") == 10
