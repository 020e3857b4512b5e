"""The audit of links: every change, who made it, when and how; never which chat it was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from outbox.database.connection import Connection


class How(StrEnum):
    """By what way a link has changed."""

    START = "start"
    """The person has opened the bot with a token."""
    STOP = "stop"
    """The person has written /stop."""
    BUTTON = "button"
    """The person has tapped a button."""
    COMMAND = "command"
    """An operator, by a command."""
    IMPORT = "import"
    """An operator, by a file."""
    API = "api"
    """The application, for the person."""
    MEMBER = "member"
    """Telegram has told that the person blocked or unblocked the bot."""
    SEND = "send"
    """A message has shown it."""


class AuditChange(StrEnum):
    """What has become of a link."""

    LINKED = "linked"
    """Recipient and chat belong together."""
    UNLINKED = "unlinked"
    """They do not any more, on somebody's wish."""
    DISPLACED = "displaced"
    """They do not any more: one of the two has been linked otherwise."""
    MIGRATED = "migrated"
    """The chat has got a new id."""
    ACTIVE = "active"
    """The chat can be written to again."""
    BLOCKED = "blocked"
    """The person has blocked the bot."""
    UNREACHABLE = "unreachable"
    """The chat is gone, or its owner is deactivated or never started the bot."""
    SUSPENDED = "suspended"
    """Telegram has refused the chat for long, or the bot lost its rights."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One change, to be noted."""

    link_id: int
    recipient: str
    change: AuditChange


@dataclass(frozen=True, slots=True)
class Audited:
    """One change, as it was noted."""

    link_id: int
    changed_at: datetime
    change: AuditChange
    how: How
    operator: str | None


def changed(rows: Iterable[asyncpg.Record], change: AuditChange) -> list[Changed]:
    """Say of links, by id and recipient, what has become of all of them."""
    return [Changed(row["id"], row["recipient"], change) for row in rows]


NOTE = """
insert into outbox.link_audit (link_id, recipient, change, how, operator)
select a.link_id, a.recipient, a.change, $4, $5
from unnest($1::bigint[], $2::text[], $3::text[]) a (link_id, recipient, change)
"""


async def note(conn: Connection, changes: Sequence[Changed], how: How, operator: str | None = None) -> None:
    """Write down changes, in the transaction in which they are made."""
    if changes:
        await conn.execute(
            NOTE,
            [changed.link_id for changed in changes],
            [changed.recipient for changed in changes],
            [changed.change for changed in changes],
            how,
            operator,
        )


AUDIT = """
select link_id, changed_at, change, how, operator from outbox.link_audit
where recipient = any(array[$1::text]) order by recipient, id
"""


async def audit(conn: Connection, recipient: str) -> list[Audited]:
    """Tell all that has happened to a recipient's links, oldest first."""
    return [
        Audited(row["link_id"], row["changed_at"], AuditChange(row["change"]), How(row["how"]), row["operator"])
        for row in await conn.fetch(AUDIT, recipient)
    ]
