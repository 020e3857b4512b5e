"""Counts the rows and pages that a statement looks at, with the statements that its functions and triggers run."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from outbox.database.connection import Connection

# said of the database, and so of each session that begins in it: behind a pooler too
WATCHED: Mapping[str, str] = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}
UNWATCHED = "set auto_explain.log_min_duration = -1"

REMOVED = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
AGAIN = ("Materialize", "Memoize", "Hash Join", "Merge Join")
"""Steps that give rows out again which they have read once. All others hand on what the scans below them have given."""


@dataclass(frozen=True, slots=True)
class Node:
    """A step of a plan, as it was run."""

    kind: str
    relation: str | None
    index: str | None
    looked_at: int
    """Rows that it has read, and rows that it has thrown away."""
    loops: int

    def is_about(self, table: str) -> bool:
        """Tell whether it reads a table or one of its indexes."""
        return self.relation == table or (self.index or "").startswith(f"{table}_")

    def __str__(self) -> str:
        """Name it as EXPLAIN does."""
        place = self.index or self.relation
        return f"{self.kind}{f' on {place}' if place else ''}: {self.looked_at:,} rows in {self.loops:,} loops"


@dataclass(frozen=True, slots=True)
class Looked:
    """What one call has looked at."""

    nodes: Sequence[Node]
    pages: int


class Watch:
    """The plans of what a connection runs."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._plans: list[dict[str, Any]] = []
        conn.add_log_listener(self._hear)

    def _hear(self, _conn: object, message: asyncpg.PostgresLogMessage) -> None:
        text = message.message or ""
        if " plan:\n" in text:
            self._plans.append(json.loads(text[text.index("{") :]))

    async def looked(self) -> Looked:
        """Tell what was looked at since this was last told."""
        # a statement is over, and its plan told, when the next one begins
        await self._conn.execute("show jit")
        await asyncio.sleep(0)
        plans, self._plans = self._plans, []
        # the statement comes after those that its functions ran, and has the pages of them all
        statement = plans[-1]["Plan"] if plans else {}
        pages = statement.get("Shared Hit Blocks", 0) + statement.get("Shared Read Blocks", 0)
        return Looked([node for plan in plans for node in _nodes(plan["Plan"])], pages)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Node]:
    kind, loops = plan["Node Type"], plan["Actual Loops"]
    reads = (kind.endswith("Scan") and kind != "Subquery Scan") or kind in AGAIN
    rows = sum(plan.get(word, 0) for word in REMOVED) + (plan["Actual Rows"] if reads else 0)
    yield Node(kind, plan.get("Relation Name"), plan.get("Index Name"), round(rows * loops), loops)
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
