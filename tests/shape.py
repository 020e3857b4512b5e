"""Write down what the migrations give: `make shape`, after a migration was added.

`outbox/migrations/shape.json` is what `vestnik migrate --check` compares a database with; `outbox/schema.sql` is the
same to be read in one sitting.
"""

import asyncio
import re
import subprocess

from outbox.database.connection import connect
from outbox.schema import migration, shape
from tests.page import PROJECT
from workers.embedded import engine
from workers.embedded.engine import Postgres

KEPT = PROJECT / "outbox" / "migrations" / shape.FILE
SCHEMA = PROJECT / "outbox" / "schema.sql"

HEAD = """\
-- The schema as all migrations together give it, to be read in one sitting: tables, functions, comments, rights.
-- Written by `make shape`, held equal to the migrations by a test. A database gets it by `vestnik migrate` alone, which
-- also makes the roles and the first rows.

-- functions name tables that come later
set check_function_bodies = off;
"""
ENTRY = re.compile(r"^--\n-- Name: (?P<name>.*); Type: (?P<type>.*?); Schema: .*\n--\n", re.MULTILINE)
"""What pg_dump writes above each thing."""
ORDER = ("table", "function", "right")
FOOT = "--\n-- PostgreSQL database dump complete"


async def _fresh(url: str) -> str:
    conn = await connect(url)
    try:
        await migration.migrate(conn)
        return shape.written(await shape.describe(conn))
    finally:
        await conn.close()


def dumped(server: Postgres, database: str = "postgres") -> str:
    """Return the schema of a migrated database as SQL, by the server's own pg_dump."""
    program = [str(server.binaries / "pg_dump"), "--schema-only", "--schema=outbox", "--no-owner", server.url(database)]
    return tidied(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


def tidied(dump: str) -> str:
    """Return the statements of a dump: the tables with what belongs to them, then the functions, then the rights."""
    found = list(ENTRY.finditer(dump))
    ends = [entry.start() for entry in found[1:]] + [dump.index(FOOT)]
    parts = [(_kind(entry), dump[entry.end() : end]) for entry, end in zip(found, ends, strict=True)]
    ordered = sorted(parts, key=lambda part: ORDER.index(part[0]))
    return HEAD + "".join("\n" + _without_settings(body).strip() + "\n" for _, body in ordered)


def _kind(entry: re.Match[str]) -> str:
    if entry["type"].endswith("ACL"):
        return "right"
    return "function" if entry["type"] == "FUNCTION" or entry["name"].startswith("FUNCTION ") else "table"


def _without_settings(body: str) -> str:
    """Return what makes the thing, without what pg_dump says to its session between two of them."""
    return re.sub(r"^SET default_\w+ = .*;\n", "", body, flags=re.MULTILINE)


def main() -> None:
    """Migrate an empty database and keep its shape, for the program and for people."""
    with engine.postgres() as server:
        KEPT.write_text(asyncio.run(_fresh(server.url())), encoding="utf-8")
        SCHEMA.write_text(dumped(server), encoding="utf-8")


if __name__ == "__main__":
    main()
