"""Recipients: what is known of them, imported from the application."""

from collections.abc import Sequence
from dataclasses import dataclass

from outbox.database import Connection


@dataclass(frozen=True, slots=True)
class Profile:
    """One person of the application."""

    recipient: str
    name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    chat_id: int | None = None
    """The private chat with the bot; None leaves the link as it is."""


SAVE = """
insert into outbox.recipient as r (recipient, name, locale, timezone)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict (recipient) do update set name = excluded.name, locale = excluded.locale, timezone = excluded.timezone
"""

# a chat and a recipient have one link: whoever held either is displaced
DISPLACE = """
update outbox.telegram_link t set unlinked_at = now()
from unnest($1::text[], $2::bigint[]) a (recipient, chat_id)
where t.unlinked_at is null and (t.recipient = a.recipient or t.chat_id = a.chat_id)
  and (t.recipient, t.chat_id) is distinct from (a.recipient, a.chat_id)
"""

LINK = """
insert into outbox.telegram_link (recipient, chat_id)
select a.recipient, a.chat_id from unnest($1::text[], $2::bigint[]) a (recipient, chat_id)
where not exists (select from outbox.telegram_link t where t.recipient = a.recipient and t.unlinked_at is null)
"""


async def save(conn: Connection, profiles: Sequence[Profile]) -> None:
    """Write profiles and links in one transaction; of two lines about one recipient or chat the later holds."""
    latest = list({profile.recipient: profile for profile in profiles}.values())
    linked = {p.chat_id: p for p in latest if p.chat_id is not None}
    recipients = [p.recipient for p in linked.values()]
    async with conn.transaction():
        await conn.execute(
            SAVE,
            [p.recipient for p in latest],
            [p.name for p in latest],
            [p.locale for p in latest],
            [p.timezone for p in latest],
        )
        await conn.execute(DISPLACE, recipients, list(linked))
        await conn.execute(LINK, recipients, list(linked))
