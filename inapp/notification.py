"""Notifications: what the inbox shows of the events for one recipient."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import asyncpg

from inapp.notification_text import NotificationText, render
from outbox.catalog.load import Catalog
from outbox.database.connection import Connection
from outbox.event_log import payload

LIMIT = 20
NEWEST = 50
"""How far back a stream looks for what has changed; whoever missed more loads the first page anew."""
LAST_ID = 2**63 - 1


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
    """Version of the inbox at which it came or was read."""
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of an inbox, with its counter and version of the same moment."""

    notifications: list[Notification]
    """Newest first."""
    more: bool
    """There are older ones."""
    unread: int
    version: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What has happened in an inbox since a version, with its counter and version of the same moment."""

    recipient: str
    unread: int
    version: int
    notifications: list[Notification]
    """What came or was read since, newest first; empty where that is not complete."""
    complete: bool
    """These notifications are all that has changed; else only the first page, loaded anew, tells."""


# Counter, version and rows in one statement, and so of one moment; an empty inbox is a row without a notification.
# The planner takes a `case` for half of the rows: a category that it thought rare would have it read the whole inbox
# and sort it, instead of going along the index.
_PAGE = (
    """
select i.unread as inbox_unread, i.version as inbox_version, n.*, e.payload::text as payload,
  coalesce(r.language, r.locale) as language
from (select $1::text as recipient) p
left join lateral (select unread, version from outbox.inbox where recipient = p.recipient limit 1) i on true
left join lateral (select language, locale from outbox.recipient where recipient = p.recipient limit 1) r on true
left join lateral (
""",
    """
) n on true
left join lateral (select payload from outbox.event where id = any(array[n.event_id]) order by id limit 1) e on true
order by n.id desc
""",
)
_UNREAD = """
  select m.id, m.event_id, m.type, m.category, m.version, m.read_version, m.created_at, m.read_at
  from outbox.notification m
  where m.recipient = any(array[p.recipient]) and m.read_at is null and m.id < $2
    and case when $3::text is null then true else m.category = $3 end
  order by m.recipient desc, m.id desc limit $4
"""
_READ = _UNREAD.replace("m.read_at is null", "m.read_at is not null")
# what is unread and what is read are each listed by a partial index, which a condition with a parameter could not use
_EACH = _UNREAD + ") union all (" + _READ
_EITHER = _EACH.join(("select * from ((", ")) m order by m.id desc limit $4"))
PAGE = _EITHER.join(_PAGE)
UNREAD_PAGE = _UNREAD.join(_PAGE)


async def page(  # noqa: PLR0913 (each of them by its name)
    conn: Connection,
    catalog: Catalog,
    recipient: str,
    *,
    before: int | None = None,
    limit: int = LIMIT,
    unread: bool = False,
    category: str | None = None,
) -> Page:
    """Fetch up to `limit` notifications; `before` is the id of the last one that is known.

    A notification whose texts cannot be rendered is shown with what can be said.
    """
    sql = UNREAD_PAGE if unread else PAGE
    rows = await conn.fetch(sql, recipient, LAST_ID if before is None else before, category, limit + 1)
    shown = [row for row in rows if row["id"] is not None]
    reading = _Reading(catalog, shown)
    return Page(
        [reading.notification(row) for row in shown[:limit]],
        more=len(shown) > limit,
        unread=rows[0]["inbox_unread"] or 0,
        version=rows[0]["inbox_version"] or 0,
    )


# Each version of an inbox is one row that came or was read, and each row knows when it did either. So what the
# newest rows tell is complete exactly when it is as much as lies between the two versions; less, and an older one
# has changed, or they are of an inbox that was forgotten meanwhile: then none is given. Usually the last few rows
# tell it all: `near` looks at as many as there are new versions, and only where that is not enough, at all of them.
# What many were sent has its payload in one row only.
_CHANGES = (
    """
select a.position, a.version as asked, coalesce(i.unread, 0) as inbox_unread, coalesce(i.version, 0) as inbox_version,
  n.*, coalesce(r.language, r.locale) as language,
  case when row_number() over (partition by n.event_id) = 1 then e.payload::text end as payload
from unnest($1::text[], $2::bigint[]) with ordinality a (recipient, version, position)
left join lateral (select unread, version from outbox.inbox where recipient = a.recipient limit 1) i on true
left join lateral (select language, locale from outbox.recipient where recipient = a.recipient limit 1) r on true
cross join lateral (select least($3, greatest(0, i.version - a.version)) as most) few
cross join lateral (
  select count(*) filter (where m.version > a.version) + count(*) filter (where m.read_version > a.version) as told
  from (""",
    """ limit few.most) m
) near
cross join lateral (
  select case
    when i.version > a.version then case when near.told = i.version - a.version then near.told else $3 end
    else 0
  end as most
) far
left join lateral (
  select m.id, m.event_id, m.type, m.category, m.version, m.read_version, m.created_at, m.read_at
  from (
    select m.*, sum((m.version > a.version)::integer + coalesce(m.read_version > a.version, false)::integer) over ()
      as told
    from (""",
    """ limit far.most) m
  ) m
  where m.told = i.version - a.version and greatest(m.version, m.read_version) > a.version
) n on true
left join lateral (select payload from outbox.event where id = any(array[n.event_id]) order by id limit 1) e on true
order by a.position, n.id desc
""",
)
_NEWEST = """
  select * from (
    (select * from outbox.notification m
     where m.recipient = any(array[a.recipient]) and m.read_at is null
     order by m.recipient desc, m.id desc limit {most})
    union all
    (select * from outbox.notification m
     where m.recipient = any(array[a.recipient]) and m.read_at is not null
     order by m.recipient desc, m.id desc limit {most})
  ) m order by m.id desc"""
CHANGES = "".join(
    (_CHANGES[0], _NEWEST.format(most="few.most"), _CHANGES[1], _NEWEST.format(most="far.most"), _CHANGES[2])
)


async def changes(conn: Connection, catalog: Catalog, asked: Sequence[tuple[str, int]]) -> list[Changes]:
    """Tell what has happened in each inbox since the version that is given with it, in the order of `asked`.

    Good for 500 at once; a version is not negative. One ahead of its inbox is of an inbox that was forgotten. One
    that its successor has overtaken since looks like any other: streams and tokens end with the person.
    """
    recipients, versions = [recipient for recipient, _ in asked], [version for _, version in asked]
    rows = await conn.fetch(CHANGES, recipients, versions, NEWEST)
    reading = _Reading(catalog, rows)
    told = groupby(rows, key=lambda row: row["position"])
    return [_changes(recipient, list(group), reading) for recipient, (_, group) in zip(recipients, told, strict=True)]


def _changes(recipient: str, rows: Sequence[asyncpg.Record], reading: "_Reading") -> Changes:
    unread, version = rows[0]["inbox_unread"], rows[0]["inbox_version"]
    changed = [reading.notification(row) for row in rows if row["id"] is not None]
    return Changes(recipient, unread, version, changed, complete=bool(changed) or version == rows[0]["asked"])


@dataclass(slots=True)
class _Reading:
    """Turns rows into notifications; what many were sent is rendered once in each language."""

    catalog: Catalog
    rows: Iterable[asyncpg.Record]
    _payloads: dict[int, str] = field(init=False)
    """By event, as PostgreSQL writes them."""
    _texts: dict[tuple[int, str | None], NotificationText] = field(init=False, default_factory=dict)
    """By event and language."""

    def __post_init__(self) -> None:
        self._payloads = {row["event_id"]: row["payload"] for row in self.rows if row["payload"] is not None}

    def notification(self, row: asyncpg.Record) -> Notification:
        text = self._text(row)
        return Notification(
            row["id"],
            row["type"],
            row["category"],
            text.title,
            text.body,
            text.link,
            row["read_version"] or row["version"],
            row["created_at"],
            row["read_at"],
        )

    def _text(self, row: asyncpg.Record) -> NotificationText:
        key = row["event_id"], row["language"]
        if key not in self._texts:
            given = _payload(self._payloads.get(row["event_id"], ""))
            self._texts[key] = render(self.catalog, row["type"], row["language"], given)
        return self._texts[key]


def _payload(text: str) -> Mapping[str, object]:
    try:
        return payload.read(text)
    except payload.PayloadError:
        return {}  # the category can still be named
