"""The tables and sequences of the schema as wholes: what they are, how they are copied, and what they add up to.

What a table is called and what it holds is asked of PostgreSQL, which also writes the statements: quoted, and right for
every version of the schema.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from outbox.database.connection import Connection

CHUNKS_AHEAD = 16
"""So many pieces of COPY's stream (64 KiB at the most) are read before the other side has taken them."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and the statements that treat it as a whole."""

    name: str
    columns: tuple[str, ...]
    """Name and type of each, in alphabetical order."""
    written: tuple[str, ...]
    """Names of those that are not generated."""
    read: str
    """SQL that reads those, in that order."""
    total: str
    """SQL that counts the rows and adds them up."""
    some: str
    """SQL that tells whether there is a row."""


@dataclass(frozen=True, slots=True)
class Total:
    """What a table adds up to, in whatever order its rows lie."""

    rows: int
    checksum: str


# Those that others refer to come first. A checksum is the sum of the rows' SHA-256, taken as two numbers of 64 bits:
# PostgreSQL's own hashes of rows differ between versions.
TABLES = """
with recursive depth as (
  select oid, 0 as steps from pg_class where relnamespace = to_regnamespace('outbox') and relkind = 'r'
  union
  select f.conrelid, d.steps + 1 from depth d
  join pg_constraint f on f.contype = 'f' and f.confrelid = d.oid and f.conrelid <> f.confrelid and d.steps < 10
), layout as (
  select c.oid, c.relname, quote_ident(c.relname) as quoted,
    array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attname) as columns,
    array_agg(a.attname::text order by a.attname) filter (where a.attgenerated = '') as written,
    string_agg(quote_ident(a.attname), ', ' order by a.attname) filter (where a.attgenerated = '') as to_copy,
    string_agg(quote_ident(a.attname), ', ' order by a.attname) as to_add
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = to_regnamespace('outbox') and c.relkind = 'r'
  group by c.oid
)
select relname, columns, written,
  format('select %s from outbox.%s', to_copy, quoted) as read,
  format(
    'select count(*), concat_ws(''/'', sum(left(h, 17)::bit(64)::bigint::numeric), sum((''x'' || right(h, 16))::bit(64)::bigint::numeric)) '
    'from (select ''x'' || left(encode(sha256(convert_to(row(%s)::text, ''UTF8'')), ''hex''), 32) as h from outbox.%s) hashed',
    to_add, quoted
  ) as total,
  format('select exists (select from outbox.%s)', quoted) as some
from layout order by (select max(steps) from depth d where d.oid = layout.oid), relname
"""  # noqa: E501 (the statement that it writes is one line)


async def tables(conn: Connection) -> list[Table]:
    """List the tables, those that others refer to first."""
    return [Table(row[0], tuple(row[1]), tuple(row[2]), *row[3:]) for row in await conn.fetch(TABLES)]


# rows are written as text to be added up: that must be the same text on every server
SAME_TEXT = """
set local timezone = 'UTC'; set local datestyle = 'ISO'; set local intervalstyle = 'postgres';
set local extra_float_digits = 1; set local bytea_output = 'hex'
"""


async def total(conn: Connection, table: Table) -> Total:
    """Count a table's rows and add them up; where two agree, the tables hold the same."""
    await conn.execute(SAME_TEXT)
    row = await conn.fetchrow(table.total)
    if row is None:  # an aggregate always answers
        raise AssertionError
    return Total(*row)


async def copy(source: Connection, target: Connection, table: Table) -> None:
    """Stream a table's rows into the same table elsewhere, no faster than that takes them."""
    pipe: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(CHUNKS_AHEAD)
    reading = asyncio.create_task(_read(source, table, pipe))
    try:
        await target.copy_to_table(
            table.name, schema_name="outbox", columns=table.written, source=_drained(pipe), format="binary"
        )
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(source: Connection, table: Table, pipe: "asyncio.Queue[bytes | Exception | None]") -> None:
    try:
        await source.copy_from_query(table.read, output=pipe.put, format="binary")
    except Exception as fault:  # noqa: BLE001 (it is raised again where the rows are awaited)
        await pipe.put(fault)
    else:
        await pipe.put(None)


async def _drained(pipe: "asyncio.Queue[bytes | Exception | None]") -> AsyncIterator[bytes]:
    while (chunk := await pipe.get()) is not None:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


SEQUENCES = """
select relname, format('select last_value, is_called from outbox.%I', relname)
from pg_class where relnamespace = to_regnamespace('outbox') and relkind = 'S' order by relname
"""


async def sequences(conn: Connection) -> dict[str, tuple[int, bool]]:
    """Read where each sequence stands: its value, and whether that is taken."""
    found = {}
    for name, sql in await conn.fetch(SEQUENCES):
        value, called = await conn.fetchrow(sql) or (1, False)
        found[name] = (value, called)
    return found


SET_SEQUENCE = "select setval(format('outbox.%I', $1::text)::regclass, $2, $3)"


async def set_sequences(conn: Connection, places: dict[str, tuple[int, bool]]) -> None:
    """Set each sequence; no transaction takes that back."""
    for name, (value, called) in places.items():
        await conn.execute(SET_SEQUENCE, name, value, called)


LOCK = """
select format('lock table %s in exclusive mode', string_agg(format('outbox.%I', relname), ', ' order by relname))
from pg_class where relnamespace = to_regnamespace('outbox') and relkind = 'r'
"""


async def lock_order(conn: Connection) -> str:
    """Write the statement that keeps everybody from writing: they wait, and who only reads goes on."""
    return str(await conn.fetchval(LOCK))
