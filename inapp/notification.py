"""Notifications: what the inbox shows of the events for one recipient."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from inapp.text import render
from outbox import payload
from outbox.catalog import Catalog
from outbox.database import Connection

LIMIT = 20


@dataclass(frozen=True, slots=True)
class Notification:
    """One line of the inbox, in the recipient's language."""

    id: int
    type: str
    category: str
    title: str
    body: str
    link: str | None
    version: int
    """Version of the inbox at which it came or was last changed."""
    created_at: datetime
    read_at: datetime | None


PAGE = """
select n.id, n.type, n.category, n.version, n.created_at, n.read_at, e.payload::text as payload,
  coalesce(r.language, r.locale) as language
from outbox.notification n
join outbox.event e on e.id = n.event_id
left join outbox.recipient r on r.recipient = n.recipient
where n.recipient = $1 and n.id < coalesce($2::bigint, 9223372036854775807)
order by n.id desc limit $3
"""


async def page(
    conn: Connection, catalog: Catalog, recipient: str, *, before: int | None = None, limit: int = LIMIT
) -> list[Notification]:
    """Fetch up to `limit` notifications, newest first; `before` is the id of the last one that is known.

    A notification whose texts cannot be rendered is shown with what can be said.
    """
    found = []
    for row in await conn.fetch(PAGE, recipient, before, limit):
        text = render(catalog, row["type"], row["language"], _payload(row["payload"]))
        found.append(
            Notification(
                row["id"],
                row["type"],
                row["category"],
                text.title,
                text.body,
                text.link,
                row["version"],
                row["created_at"],
                row["read_at"],
            )
        )
    return found


def _payload(text: str) -> Mapping[str, object]:
    try:
        return payload.read(text)
    except payload.PayloadError:
        return {}  # the category can still be named
