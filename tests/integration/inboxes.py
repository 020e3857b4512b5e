"""Inboxes for tests: events of the sample catalog, relayed, and what must always hold of the counters."""

from collections import Counter

from outbox.catalog.load import load
from outbox.database.connection import Connection
from outbox.event_log import event
from outbox.relay import fan_out
from outbox.relay.routing import routes_of
from tests.integration.stage import MARKETPLACE, TYPE, payload

CATALOG = load(MARKETPLACE / "catalog")
ROUTES = routes_of(CATALOG)
MESSAGE = "message.created"
"""Of the category `messages`; a payout is of `money`."""


async def notify(conn: Connection, count: int, *recipients: str, type_: str = TYPE) -> None:
    """Emit so many events for these people, and relay them: number 1, 2, 3, ... of the links."""
    more = {"from": "Max", "text": "Hi"} if type_ == MESSAGE else {}
    for number in range(1, count + 1):
        await event.emit(conn, type_, recipients, {**payload(number), **more})
    while (batch := await fan_out.step(conn, ROUTES)) is None or batch.relayed:
        pass


async def ids(conn: Connection, recipient: str) -> list[int]:
    """List the ids of somebody's notifications, oldest first."""
    rows = await conn.fetch("select id from outbox.notification where recipient = $1 order by id", recipient)
    return [row["id"] for row in rows]


async def counted(conn: Connection, recipient: str) -> tuple[int, int, int]:
    """Read somebody's counter and version, and count the rows that are unread."""
    row = await conn.fetchrow(
        "select unread, version, (select count(*) from outbox.notification where recipient = $1 and read_at is null)"
        " from outbox.inbox where recipient = $1",
        recipient,
    )
    assert row is not None
    return row[0], row[1], row[2]


INBOXES = """
select i.recipient, i.unread, i.version, array_agg(n.version) as came, array_agg(n.read_version) as read
from outbox.inbox i join outbox.notification n on n.recipient = i.recipient group by i.recipient
"""


async def assert_explained(conn: Connection) -> None:
    """Assert that each version of each inbox is one notification that came or was read, and the counter the rest.

    Notifications that were read together have the first of their versions.
    """
    for row in await conn.fetch(INBOXES):
        together = Counter(version for version in row["read"] if version is not None)
        read = [first + number for first, count in together.items() for number in range(count)]
        assert sorted([*row["came"], *read]) == list(range(1, row["version"] + 1)), row["recipient"]
        assert row["unread"] == len(row["came"]) - len(read), row["recipient"]
