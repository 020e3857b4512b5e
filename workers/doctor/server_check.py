"""What the doctor thinks of the PostgreSQL server: does a commit last, may it be written to, what time is it there."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from outbox.database.connection import Connection
from workers.doctor.finding import Finding, fail, ok, warn

FACTS = """
select pg_is_in_recovery() as standby,
  current_setting('fsync')::boolean as fsync,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('autovacuum')::boolean as autovacuum,
  (select count(*) from pg_prepared_xacts where prepared < now() - interval '1 hour') as forgotten_prepared
"""

CLOCK = "select clock_timestamp()"

SKEWED = timedelta(seconds=2)
"""Tokens and bindings, which live for minutes and more, do not mind; times in logs would be read wrong."""
TOO_SKEWED = timedelta(seconds=60)


class Server(NamedTuple):
    """How the server is set up."""

    standby: bool
    fsync: bool
    synchronous_commit: str
    autovacuum: bool
    forgotten_prepared: int
    """Transactions that were prepared over an hour ago and never ended."""


async def look_at_server(conn: Connection) -> list[Finding]:
    """Look at the settings that the promises stand on, and at the clock."""
    row = await conn.fetchrow(FACTS)
    if row is None:  # a select without a table always answers
        raise AssertionError
    asked = datetime.now(UTC)
    theirs = await conn.fetchval(CLOCK)
    answered = datetime.now(UTC)
    return [judge(Server(*row)), judge_clock(asked, theirs, answered)]


def judge(server: Server) -> Finding:
    """Say whether what is committed lasts, and whether the tables are kept tidy."""
    if server.standby:
        return fail("server", "is a standby, which cannot be written to", "let DATABASE_URL name the primary")
    if not server.fsync:
        return fail("server", "fsync is off: a crash loses or breaks what was committed", "set fsync = on")
    if server.synchronous_commit == "off":
        says = "synchronous_commit is off: a crash loses the last commits, and what was sent is sent again"
        return warn("server", says, "set synchronous_commit = on, at least for the worker's login")
    if not server.autovacuum:
        return warn("server", "autovacuum is off: the tables grow and their plans go wrong", "set autovacuum = on")
    if server.forgotten_prepared:
        says = f"{server.forgotten_prepared} prepared transactions are open for over an hour: nothing is tidied up"
        return warn("server", says, "look at pg_prepared_xacts, and end each with COMMIT or ROLLBACK PREPARED")
    return ok("server", "what is committed lasts")


def judge_clock(asked: datetime, theirs: datetime, answered: datetime) -> Finding:
    """Compare PostgreSQL's clock with ours; the time that the question took is no difference."""
    skew = max(asked - theirs, theirs - answered, timedelta(0))
    says = f"PostgreSQL's is {skew.total_seconds():.1f} s {'behind' if theirs < asked else 'ahead of'} this machine's"
    if skew > TOO_SKEWED:
        return fail("clock", says, "let both machines set their clocks by NTP")
    if skew > SKEWED:
        return warn("clock", says, "let both machines set their clocks by NTP")
    return ok("clock", "PostgreSQL and this machine agree")
