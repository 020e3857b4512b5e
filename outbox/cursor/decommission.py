"""The fence around an installation that has moved away: nothing is emitted, relayed or pulled in it any more.

Without it an application that still writes into the old database would emit events that nobody delivers, and a worker
that is started there would send what the new one sends. `vestnik cursor rebase` takes it away.
"""

from outbox.database.connection import Connection

MOVED_AWAY = 0
"""As the cluster of a cursor: no cluster has this identifier, so every consumer is refused."""

CLOSE = """
create function outbox.moved_away() returns trigger language plpgsql as $$
begin
  raise exception using errcode = '55000',
    message = 'outbox.emit: this installation has moved to another database',
    hint = 'Point the application to the new one. To go on in this one: vestnik cursor rebase';
end $$;
create trigger moved_away before insert on outbox.event for each statement execute function outbox.moved_away();
"""

CLOSE_CURSORS = "update outbox.cursor set system_identifier = $1"


async def close(conn: Connection) -> None:
    """Refuse producers, the relay and named consumers from the commit on; whoever waits for a lock is refused too."""
    await conn.execute(CLOSE)
    await conn.execute(CLOSE_CURSORS, MOVED_AWAY)


OPEN = "drop function if exists outbox.moved_away cascade"
STANDS = "select to_regprocedure('outbox.moved_away()') is not null"


async def open_again(conn: Connection) -> None:
    """Let producers in again; the cursors are opened by whoever rebases them."""
    if await conn.fetchval(STANDS):
        await conn.execute(OPEN)
