"""What README.md shows an application works as it stands."""

import json
import textwrap
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests import page
from tests.page import PROJECT

# an application's connection, without Vestnik's own codecs and what it does for a pooler
pytestmark = pytest.mark.direct

README = (PROJECT / "README.md").read_text(encoding="utf-8")
(SQL,), (PYTHON,) = page.blocks(README, "sql"), page.blocks(README, "python")
EXAMPLE = f"async def example(conn):\n{textwrap.indent(PYTHON, '    ')}"
EMITTED = ("application.accepted", ["u1"], {"job": "Reels", "brand": "Acme", "url": "/jobs/17"})


@pytest.fixture
async def application(database_url: str) -> AsyncIterator[Any]:
    """Connect as an application does, which has the row of the example."""
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute("create temp table jobs (id integer primary key, state text)")
        await conn.execute("insert into jobs values (17, 'applied')")
        yield conn
    finally:
        await conn.close()


async def written(conn: Any) -> tuple[str, list[tuple[str, list[str], Any]]]:
    """Read what the application has changed, and the events."""
    rows = await conn.fetch("select type, recipients, payload::text from outbox.event")
    events = [(row["type"], row["recipients"], json.loads(row["payload"])) for row in rows]
    return await conn.fetchval("select state from jobs"), events


async def test_the_sql_emits(application: Any) -> None:
    """The transaction changes the application's row and emits the event."""
    await application.execute(SQL)
    assert await written(application) == ("accepted", [EMITTED])


async def test_the_python_emits(application: Any) -> None:
    """So does the same transaction with asyncpg."""
    given: dict[str, Any] = {"json": json}
    exec(EXAMPLE, given)  # noqa: S102 (it is the README's own)
    await given["example"](application)
    assert await written(application) == ("accepted", [EMITTED])
