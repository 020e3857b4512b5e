"""Transfer: a running installation moves into another database, whole and checked, or not at all.

Nobody writes into either while it lasts. All rows are copied in one transaction of the target, which commits only when
every table adds up to the same in both; the source is closed after that, and untouched until then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import asyncpg

from outbox.cursor import decommission, snapshot_cursor
from outbox.cursor.rebase import SEEN, rebase
from outbox.database.connection import FREE_PLANNER, OUT_OF_REACH, SETTINGS, Connection
from outbox.database.pooler import stands_between
from outbox.error import ForeignClusterError, TransferError
from outbox.schema import migration
from outbox.schema.migration import Migration, Standing
from outbox.transfer import table
from outbox.transfer.table import Table, Total

SEEDED = ("cursor", "gauge", "migration", "salt")
"""Tables that have rows in a new schema."""
LEFT = ("gauge", "migration")
"""Of these, what stays behind: the gauges are looked at anew, and the migrations are compared beforehand."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Transferred:
    """What was moved."""

    tables: Mapping[str, Total]
    to_relay: int
    """Events that were not yet relayed, and are to be in the target."""


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """What would be moved."""

    new_schema: bool
    """The target has none yet."""
    rows: Mapping[str, int] = field(default_factory=dict)


async def plan(source: Connection, target: Connection) -> TransferPlan:
    """Look whether a transfer can begin, and count what it would move; changes and locks nothing.

    Raises:
        TransferError: it cannot; the message says why.

    """
    new_schema = await _look(source, target)
    if not new_schema:
        await _require_same(source, target)
        await _require_empty(target)
    async with source.transaction(isolation="repeatable_read", readonly=True):
        await source.execute(FREE_PLANNER)
        return TransferPlan(new_schema, {t.name: (await table.total(source, t)).rows for t in await _moved(source)})


async def transfer(
    source: Connection, target: Connection, *, keep_source: bool, tell: Tell, migrated: Callable[[Migration], None]
) -> Transferred:
    """Move everything, and close the source unless it is to be kept; `tell` is given a line for each step.

    `migrated` is told of each migration that makes the target's schema: it stays also if nothing is moved.

    Raises:
        TransferError: it did not come about; unless the message says otherwise, both are as they were.
        MigrationError: the target's schema cannot be made.

    """
    if await _look(source, target):
        made = await migration.migrate(target, done=migrated)
        tell(f"target: schema made, {len(made)} migrations")
    # asked for beforehand: in the source's transaction nothing may be read before all is locked
    locks = await table.lock_order(source), await table.lock_order(target)
    committed = False
    try:
        async with source.transaction(isolation="repeatable_read"):
            async with target.transaction():
                await _lock(source, "source", locks[0])
                await _lock(target, "target", locks[1])
                done = await _move(source, target, tell)
                if not keep_source:
                    await decommission.close(source)
            committed = True
    except (*OUT_OF_REACH, asyncpg.PostgresError) as fault:
        raise TransferError(_told(source, target, fault, committed=committed)) from None
    return done


async def _move(source: Connection, target: Connection, tell: Tell) -> Transferred:
    # before the first write: the events that are to be relayed shall get an id above this snapshot
    seen = await target.fetchval(SEEN)
    await _require_same(source, target)
    await _require_empty(target)
    await _empty(target)
    for conn in (source, target):
        await conn.execute(FREE_PLANNER)
    moved = await _moved(source)
    for each in moved:
        await table.copy(source, target, each)
        tell(f"copied {each.name}")
    totals = {each.name: await _compared(source, target, each, tell) for each in moved}
    await _move_sequences(source, target)
    # whoever began meanwhile waits for the locks only with its first write
    await _require_alone(source, "source")
    return Transferred(totals, await rebase(target, seen))


async def _moved(conn: Connection) -> list[Table]:
    return [each for each in await table.tables(conn) if each.name not in LEFT]


SAME_DATABASE = """
select system_identifier, (select oid from pg_database where datname = current_database()) from pg_control_system()
"""
SCHEMA = "select to_regnamespace('outbox') is not null"


async def _look(source: Connection, target: Connection) -> bool:
    """Refuse what needs no lock to be seen; tell whether the target's schema is to be made."""
    for conn, which in ((source, "source"), (target, "target")):
        if await stands_between(conn):
            raise TransferError(f"a pooler stands before the {which}: give the address of PostgreSQL itself")
    if await source.fetchrow(SAME_DATABASE) == await target.fetchrow(SAME_DATABASE):
        raise TransferError("source and target are the same database")
    await _require_applied(source, "source")
    try:
        await snapshot_cursor.find(source)
    except ForeignClusterError as fault:
        raise TransferError(f"source: {fault}") from None
    await _require_alone(source, "source")
    await _require_alone(target, "target")
    if not await target.fetchval(SCHEMA):
        return True
    await _require_applied(target, "target")
    return False


async def _require_applied(conn: Connection, which: str) -> None:
    amiss = [f"{s.name} is {s.standing}" for s in await migration.status(conn) if s.standing is not Standing.APPLIED]
    if amiss:
        raise TransferError(
            f"the {which}'s schema is not that of this version of Vestnik ({', '.join(amiss)}): bring it up to date "
            "with `vestnik migrate`, or use the version that it was made by"
        )


# everything of Vestnik's connects under this name
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = $1 and pid <> pg_backend_pid()
"""


async def _require_alone(conn: Connection, which: str) -> None:
    if others := await conn.fetchval(OTHERS, SETTINGS["application_name"]):
        raise TransferError(
            f"{others} connections of Vestnik's are open on the {which}: stop workers, bots, APIs and commands there"
        )


LOCK_TIMEOUT = "set local lock_timeout = '5s'"


async def _lock(conn: Connection, which: str, order: str) -> None:
    try:
        await conn.execute(LOCK_TIMEOUT)
        await conn.execute(order)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        raise TransferError(
            f"somebody has been writing into the {which} for more than 5 s: stop them, or try again when they are done"
        ) from None


async def _require_same(source: Connection, target: Connection) -> None:
    ours = {each.name: each.columns for each in await table.tables(source)}
    theirs = {each.name: each.columns for each in await table.tables(target)}
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if differing:
        raise TransferError(f"these tables are not the same in source and target: {', '.join(differing)}")


CURSORS = "select count(*) from outbox.cursor"


async def _require_empty(target: Connection) -> None:
    full = [t.name for t in await table.tables(target) if t.name not in SEEDED and await target.fetchval(t.some)]
    if await target.fetchval(CURSORS) > 1:
        full.append("cursor")
    if full:
        raise TransferError(
            f"the target is not empty: {', '.join(full)}. Take a new database, or one without the schema"
        )


EMPTY = "delete from outbox.cursor; delete from outbox.salt"


async def _empty(target: Connection) -> None:
    await target.execute(EMPTY)


async def _compared(source: Connection, target: Connection, each: Table, tell: Tell) -> Total:
    ours, theirs = await table.total(source, each), await table.total(target, each)
    if ours != theirs:
        raise TransferError(
            f"{each.name} is not the same in the target: {ours.rows} rows, checksum {ours.checksum}, "
            f"there {theirs.rows}, {theirs.checksum}. Both are as they were"
        )
    tell(f"compared {each.name}: {ours.rows:,} rows, the same")
    return ours


async def _move_sequences(source: Connection, target: Connection) -> None:
    places = await table.sequences(source)
    await table.set_sequences(target, places)
    if await table.sequences(target) != places:
        raise TransferError("the sequences are not the same in the target. Its tables are as they were")


def _told(source: Connection, target: Connection, fault: BaseException, *, committed: bool) -> str:
    """Say what came of it; the driver's text of a lost connection can hold an address, so only its class is told."""
    if committed:
        return (
            "the target holds everything, but the source could not be closed: start nothing on it. To begin anew, drop "
            "the target's schema"
        )
    lost = [name for name, conn in (("source", source), ("target", target)) if conn.is_closed()]
    if lost:
        return f"the connection to the {' and the '.join(lost)} was lost ({type(fault).__name__}): nothing was moved"
    return f"nothing was moved: {type(fault).__name__}: {getattr(fault, 'message', '')}"
