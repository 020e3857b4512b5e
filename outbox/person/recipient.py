"""Recipients: what the application says of them, and what they choose themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import NamedTuple

from outbox.database.connection import Connection
from outbox.link import chat_link
from outbox.link.chat_link import How, Linked, Wanted

QUIET_FROM, QUIET_UNTIL = time(22), time(8)
"""The quiet hours of somebody who has said no others; the columns' defaults too."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One person of the application."""

    recipient: str
    name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    chat_id: int | None = None
    """The private chat with the bot; None leaves the link as it is."""
    thread_id: int | None = None
    """The topic of the chat."""


# in one order: two who write the same people in another order would wait for each other
SAVE = """
insert into outbox.recipient as r (recipient, name, locale, timezone)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (recipient, name, locale, timezone)
order by a.recipient
on conflict (recipient) do update set name = excluded.name, locale = excluded.locale, timezone = excluded.timezone
where (r.name, r.locale, r.timezone) is distinct from (excluded.name, excluded.locale, excluded.timezone)
returning true
"""


class Saved(NamedTuple):
    """What `save` has changed."""

    profiles: int
    """Those that are new or different."""
    links: Sequence[Linked]


async def save(conn: Connection, profiles: Sequence[Profile], *, operator: str | None = None) -> Saved:
    """Write profiles and links in one transaction; of two lines about one recipient or chat the later holds.

    A chat that a recipient has already stays as it is, also where it cannot be written to.
    """
    latest = list({profile.recipient: profile for profile in profiles}.values())
    async with conn.transaction():
        # links before people, as everywhere (see `outbox.link.linking`)
        chats = [Wanted(p.recipient, p.chat_id, p.thread_id) for p in latest if p.chat_id is not None]
        links = await chat_link.connect_all(conn, chats, How.IMPORT, reopen=False, operator=operator)
        written = await conn.fetch(
            SAVE,
            [p.recipient for p in latest],
            [p.name for p in latest],
            [p.locale for p in latest],
            [p.timezone for p in latest],
        )
    return Saved(len(written), links)


CHOOSE_LANGUAGE = """
insert into outbox.recipient (recipient, language) values ($1, $2)
on conflict (recipient) do update set language = excluded.language
"""


async def choose_language(conn: Connection, recipient: str, language: str | None) -> None:
    """Write which language a person has chosen; None: the application's word for it holds."""
    await conn.execute(CHOOSE_LANGUAGE, recipient, language)


CHOOSE_ZONE = """
insert into outbox.recipient (recipient, zone) values ($1, $2)
on conflict (recipient) do update set zone = excluded.zone
"""


async def choose_zone(conn: Connection, recipient: str, zone: str | None) -> None:
    """Write which time zone a person has chosen; None: the application's word for it holds."""
    await conn.execute(CHOOSE_ZONE, recipient, zone)


CHOOSE_QUIET = """
insert into outbox.recipient as r (recipient, quiet, quiet_from, quiet_until)
values ($1, coalesce($2, 'off'), coalesce($3::time, $5::time), coalesce($4::time, $6::time))
on conflict (recipient) do update set
  quiet = coalesce($2, r.quiet), quiet_from = coalesce($3, r.quiet_from), quiet_until = coalesce($4, r.quiet_until)
"""


async def choose_quiet(
    conn: Connection, recipient: str, quiet: str | None, quiet_from: time | None, quiet_until: time | None
) -> None:
    """Write what a person has chosen for quiet hours; None leaves each as it is."""
    await conn.execute(CHOOSE_QUIET, recipient, quiet, quiet_from, quiet_until, QUIET_FROM, QUIET_UNTIL)
