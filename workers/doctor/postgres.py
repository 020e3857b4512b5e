"""What the doctor looks at in PostgreSQL: reach, version, schema, cursor."""

import asyncpg

from outbox import cursor, migration
from outbox.database import Connection, connect
from outbox.error import OutboxError
from workers.doctor.finding import Finding, fail, ok
from workers.patience import OUT_OF_REACH
from workers.settings import Settings, SettingsError

OLDEST_VERSION = 14


async def look_at_postgres(settings: Settings) -> list[Finding]:
    """Connect and look; what cannot be reached is one finding."""
    try:
        conn = await connect(settings.secret("DATABASE_URL"))
    except SettingsError as fault:
        return [fail("postgres", str(fault), "set it")]
    except OUT_OF_REACH as fault:
        # the driver's text can hold the address with its password
        return [
            fail("postgres", f"out of reach: {type(fault).__name__}", "does PostgreSQL run, and is DATABASE_URL right?")
        ]
    try:
        return [_version(conn), await _schema(conn), await _cursor(conn)]
    finally:
        await conn.close()


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
    return ok("schema", "up to date")


async def _cursor(conn: Connection) -> Finding:
    try:
        async with conn.transaction():
            await cursor.lock(conn)
    except OutboxError as fault:
        return fail("cursor", str(fault), "vestnik cursor rebase")
    except asyncpg.PostgresError as fault:
        return fail(
            "cursor", f"cannot be read: {type(fault).__name__}", "vestnik migrate, and look at the role's rights"
        )
    return ok("cursor", "belongs to this cluster")
