"""Migrations: plain numbered SQL files, applied once, in order, by one deploy at a time."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.resources import files

import asyncpg

from outbox.database.connection import Connection
from outbox.database.pooler import stands_between
from outbox.error import MigrationError
from outbox.schema.lock_wait import CONCURRENT_LOCK_TIMEOUT_S, IN_THE_WAY, LOCK_TIMEOUT_MS, insist, without_own_timeout

NO_TRANSACTION = "-- no transaction"
"""First line of a file whose statements cannot run in a transaction, such as CREATE INDEX CONCURRENTLY."""

BREAKING = "-- breaking"
"""First line of a file that takes away what earlier versions use: none of their processes may run meanwhile."""

DEPLOY_LOCK = 0x7665_7374_6E69_6B
"""Advisory lock that makes ten deploys at once one after another ("vestnik" in ASCII)."""

END_OF_STATEMENT = re.compile(r";[ \t]*\n")

ASK_EVERY_S = 0.1
ENDING_S = 5.0
"""How long processes of an earlier version may take to end before a breaking migration is refused."""


class Standing(StrEnum):
    """Where one migration stands in one database."""

    APPLIED = "applied"
    """Applied as it is here."""
    PENDING = "pending"
    """Not yet applied."""
    CHANGED = "changed"
    """Applied, but the file has other contents now."""
    FOREIGN = "foreign"
    """Applied by a newer version of Vestnik: no file here."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Name the contents: SHA-256 in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """Tell whether it runs in a transaction, with the note that it ran."""
        return not self.sql.startswith(NO_TRANSACTION)

    @property
    def breaking(self) -> bool:
        """Return whether it takes away what earlier versions use."""
        return self.sql.startswith(BREAKING)


@dataclass(frozen=True, slots=True)
class Standings:
    """One migration and where it stands."""

    number: int
    name: str
    standing: Standing
    applied_at: datetime | None = None


def migrations() -> list[Migration]:
    """Read the migrations of this version, in order."""
    folder = files("outbox.migrations")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(int(f.name[:4]), f.name.removesuffix(".sql"), f.read_text(encoding="utf-8")) for f in found]


def script(wanted: Sequence[Migration]) -> str:
    """Write the migrations as one script for people who apply SQL by hand."""
    parts = [CREATE_TABLE.strip()]
    for migration in wanted:
        values = f"({migration.number}, '{migration.name}', '{migration.checksum}')"
        note = f"insert into outbox.migration (number, name, checksum) values {values};"  # noqa: S608 (our own files)
        body = f"{migration.sql.strip()}\n{note}"
        parts.append(f"begin;\n{body}\ncommit;" if migration.transactional else body)
    return "\n\n".join(parts) + "\n"


CREATE_TABLE = """
create schema if not exists outbox;
create table if not exists outbox.migration (
  number integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);
"""

EXISTS = "select to_regclass('outbox.migration') is not null"

APPLIED = "select number, name, checksum, applied_at from outbox.migration order by number"


async def status(conn: Connection) -> list[Standings]:
    """Compare the database with the files of this version; changes nothing."""
    rows = await conn.fetch(APPLIED) if await conn.fetchval(EXISTS) else []
    applied = {row["number"]: row for row in rows}
    found = []
    for migration in migrations():
        row = applied.pop(migration.number, None)
        if row is None:
            found.append(Standings(migration.number, migration.name, Standing.PENDING))
        else:
            same = row["checksum"] == migration.checksum
            standing = Standing.APPLIED if same else Standing.CHANGED
            found.append(Standings(migration.number, migration.name, standing, row["applied_at"]))
    foreign = [Standings(r["number"], r["name"], Standing.FOREIGN, r["applied_at"]) for r in applied.values()]
    return found + foreign


async def require_current(conn: Connection) -> None:
    """Refuse a schema that lacks a migration of this version.

    Raises:
        MigrationError: it does; the message names the command that mends it.

    """
    pending = [s.name for s in await status(conn) if s.standing is Standing.PENDING]
    if pending:
        raise MigrationError(f"the schema lacks {', '.join(pending)}: run `vestnik migrate`")


def _nobody(_told: object) -> None:
    """Tell nobody."""


async def migrate(
    conn: Connection, say: Callable[[str], None] = _nobody, done: Callable[[Migration], None] = _nobody
) -> list[Migration]:
    """Apply what is pending, one deploy at a time, and say what it waits for; return what was applied.

    `done` is told of each one at once: what is applied stays applied if a later one fails.

    Raises:
        MigrationError: an applied file has changed, or a file failed; what came before it stays applied. Or a pooler
            stands between, where a lock is nobody's. Or processes of an earlier version run, and a file is breaking.

    """
    if await stands_between(conn):
        raise MigrationError(
            "DATABASE_URL leads to a pooler such as PgBouncer: migrate through the address of PostgreSQL itself"
        )
    # so that deploys that run at once do not take each other for workers
    await conn.execute(NAME_DEPLOY)
    # Asked again and again: who waits inside the lock call holds a snapshot, which CREATE INDEX CONCURRENTLY waits for.
    while not await conn.fetchval("select pg_try_advisory_lock($1)", DEPLOY_LOCK):  # noqa: ASYNC110 (as said)
        await asyncio.sleep(ASK_EVERY_S)
    try:
        if not await conn.fetchval(EXISTS):
            await conn.execute(CREATE_TABLE)
        standings = await status(conn)
        wanted = _pending(standings)
        if len(wanted) < len(standings) and (breaking := [m.name for m in wanted if m.breaking]):
            await _require_alone(conn, breaking[0])
        for migration in wanted:
            await _apply(conn, migration, say)
            done(migration)
    finally:
        await conn.execute("select pg_advisory_unlock($1)", DEPLOY_LOCK)
        await conn.execute("reset application_name")
    return wanted


NAME_DEPLOY = "set application_name = 'vestnik migrate'"

# everything else of Vestnik's connects under this name
OTHERS = """
select pid from pg_stat_activity
where datname = current_database() and application_name = 'vestnik' and pid <> pg_backend_pid() order by pid
"""


async def _require_alone(conn: Connection, name: str) -> None:
    """Refuse a migration that takes away what others use, unless they end soon."""
    end = asyncio.get_running_loop().time() + ENDING_S
    while others := [str(row["pid"]) for row in await conn.fetch(OTHERS)]:
        if asyncio.get_running_loop().time() >= end:
            raise MigrationError(
                f"{name} takes away what earlier versions use, and {len(others)} connections of Vestnik's are open "
                f"(PostgreSQL's processes {', '.join(others)}): stop its workers, bots, APIs and commands, then run "
                "`vestnik migrate` again; nothing was changed"
            )
        await asyncio.sleep(ASK_EVERY_S)


def _pending(standings: Sequence[Standings]) -> list[Migration]:
    changed = [s.name for s in standings if s.standing is Standing.CHANGED]
    if changed:
        raise MigrationError(f"applied migrations have changed since: {', '.join(changed)}")
    pending = {s.number for s in standings if s.standing is Standing.PENDING}
    return [migration for migration in migrations() if migration.number in pending]


async def _apply(conn: Connection, migration: Migration, say: Callable[[str], None]) -> None:
    run = _in_one if migration.transactional else _one_by_one
    try:
        await insist(lambda: run(conn, migration), lambda message: say(f"{migration.name} {message}"))
    except IN_THE_WAY as fault:
        todo = "look who holds it (docs/upgrade.md, A lock in the way), then run `vestnik migrate` again"
        raise MigrationError(f"{migration.name} failed: {fault}; {todo}") from fault
    except asyncpg.PostgresError as fault:
        hint = getattr(fault, "hint", None)
        raise MigrationError(f"{migration.name} failed: {fault}{f' ({hint})' if hint else ''}") from fault


BRIEF = f"set local lock_timeout = {LOCK_TIMEOUT_MS}"

LONG = f"set lock_timeout = '{CONCURRENT_LOCK_TIMEOUT_S}s'"

NOTE_APPLIED = "insert into outbox.migration (number, name, checksum) values ($1, $2, $3)"


async def _in_one(conn: Connection, migration: Migration) -> None:
    """Run it in one transaction, with the note that it ran."""
    async with conn.transaction():
        await _run(conn, migration, [BRIEF, without_own_timeout(migration.sql)])


async def _one_by_one(conn: Connection, migration: Migration) -> None:
    """Run each statement by itself: several in one call would be a transaction after all."""
    try:
        await _run(
            conn, migration, [LONG, *filter(str.strip, END_OF_STATEMENT.split(without_own_timeout(migration.sql)))]
        )
    finally:
        await conn.execute("reset lock_timeout; reset statement_timeout")


async def _run(conn: Connection, migration: Migration, statements: Iterable[str]) -> None:
    for statement in statements:
        await conn.execute(statement)
    await conn.execute(NOTE_APPLIED, migration.number, migration.name, migration.checksum)
