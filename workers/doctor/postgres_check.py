"""What the doctor looks at in PostgreSQL: reach, version, server, schema, login, cursor, and what stands before it."""

import asyncpg

from outbox.cursor import snapshot_cursor
from outbox.database.connection import Connection, connect, refusal
from outbox.error import OutboxError
from outbox.schema import migration, shape
from workers.configuration.settings import Settings, SettingsError
from workers.doctor.finding import Finding, Level, fail, ok, warn
from workers.doctor.pooler_check import look_at_pooler
from workers.doctor.privilege_check import look_at_rights
from workers.doctor.server_check import look_at_server
from workers.process.postgres_retry import OUT_OF_REACH

OLDEST_VERSION = 14


async def look_at_postgres(settings: Settings) -> list[Finding]:
    """Connect and look; what cannot be reached or asked is one finding, beside those that were made before."""
    try:
        url = settings.secret("DATABASE_URL")
    except SettingsError as fault:
        return [fail("postgres", str(fault), "set it")]
    found: list[Finding] = []
    try:
        await _look(url, found)
    except (*OUT_OF_REACH, asyncpg.PostgresError) as fault:
        found.append(_judge_fault(fault))
    return found


async def _look(url: str, found: list[Finding]) -> None:
    conn = await connect(url)
    try:
        found.append(_version(conn))
        found += await look_at_server(conn)
        await _look_at_installation(conn, found)
    finally:
        await conn.close()
    found.append(await look_at_pooler(url))


async def _look_at_installation(conn: Connection, found: list[Finding]) -> None:
    if not await conn.fetchval("select to_regnamespace('outbox') is not null"):
        found.append(await _schema(conn))
        return
    rights = await look_at_rights(conn)
    found += rights
    if not any(right.level is Level.FAIL for right in rights):
        found.append(await _schema(conn))
        found.append(await _cursor(conn))


def _judge_fault(fault: BaseException) -> Finding:
    """Tell a PostgreSQL that is away from one that answers otherwise; the driver's text can hold the address."""
    todo = "does PostgreSQL run, and is DATABASE_URL right?"
    if says := refusal(fault):
        return fail("postgres", says, todo)
    if isinstance(fault, OUT_OF_REACH):
        return fail("postgres", f"out of reach: {type(fault).__name__}", todo)
    return fail("postgres", f"cannot be looked at: {type(fault).__name__}", "vestnik migrate --check")


def _version(conn: Connection) -> Finding:
    version = conn.get_server_version()
    says = f"PostgreSQL {version.major}.{version.minor}"
    if version.major < OLDEST_VERSION:
        return fail("postgres", says, f"upgrade it: {OLDEST_VERSION} is the oldest that has what is needed")
    return ok("postgres", says)


async def _schema(conn: Connection) -> Finding:
    try:
        await migration.require_current(conn)
    except OutboxError as fault:
        return fail("schema", str(fault), "vestnik migrate")
    found = [difference for difference in await shape.drift(conn) if not difference.tuned]
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return warn("schema", f"is not what the migrations give: {found[0]}{more}", "vestnik migrate --check names all")
    return ok("schema", "up to date, and what the migrations give")


async def _cursor(conn: Connection) -> Finding:
    try:
        async with conn.transaction():
            await snapshot_cursor.lock(conn)
    except OutboxError as fault:
        return fail("cursor", str(fault), "vestnik cursor rebase")
    return ok("cursor", "belongs to this cluster")
