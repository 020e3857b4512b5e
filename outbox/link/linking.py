"""How links come and go: one for each recipient and one for each chat, and whoever is displaced is told.

All that changes links locks in one order: the lock of linking, lanes, links, recipients.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import asyncpg

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Reason
from outbox.event_log import own_event
from outbox.lane import lane_skip, lane_wake
from outbox.lane.lane_skip import GivenUp
from outbox.link import link_audit
from outbox.link.link_audit import AuditChange, How, changed

Result = TypeVar("Result")

LINKING = 0x6C69_6E6B
"""Advisory lock that makes those who link wait for each other ("link" in ASCII)."""
TRIES = 5
"""A chat that moves takes no such lock, and can take the place that somebody has just made free."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A recipient and a chat that shall belong together."""

    recipient: str
    chat_id: int
    thread_id: int | None = None
    """The topic of the chat; None leaves that of a link that is there already."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What linking has changed."""

    recipient: str
    renewed: bool
    """The two belonged together already: at most the chat has been opened again."""
    displaced_chat: int | None
    """The chat that this recipient had before."""
    displaced_recipient: str | None
    """Who had this chat before."""
    skipped: int = 0
    """Deliveries to them that waited for it."""
    turned: bool = False
    """The two belonged together already, and the messages go to another topic now."""


async def connect(  # noqa: PLR0913 (each of them by its name)
    conn: Connection,
    recipient: str,
    chat_id: int,
    how: How,
    *,
    thread_id: int | None = None,
    operator: str | None = None,
) -> Linked:
    """Link a recipient and a chat, in the caller's transaction; another link of either ends.

    A recipient who loses the chat is told in the inbox; the chat that is lost has to be told by the caller.
    """
    (linked,) = await connect_all(conn, [Wanted(recipient, chat_id, thread_id)], how, operator=operator)
    return linked


async def connect_all(
    conn: Connection, wanted: Sequence[Wanted], how: How, *, reopen: bool = True, operator: str | None = None
) -> list[Linked]:
    """Link recipients and chats; of two pairs about one recipient or chat the later holds.

    `reopen`: of a pair that belongs together already it is believed that its chat can be written to again.
    """
    if not wanted:
        return []
    latest = _latest(wanted)
    return await _try(conn, lambda: _connect(conn, latest, how, reopen=reopen, operator=operator))


def _latest(wanted: Sequence[Wanted]) -> list[Wanted]:
    people, chats, kept = set(), set(), []
    for one in reversed(wanted):
        if one.recipient not in people and one.chat_id not in chats:
            kept.append(one)
        people.add(one.recipient)
        chats.add(one.chat_id)
    return kept[::-1]


LOCK_LINKING = "select pg_advisory_xact_lock($1)"

# the links of recipients $1
THEIRS = """
  select o.id, o.state, o.thread_id, a.place from unnest($1::text[]) with ordinality a (recipient, place)
  cross join lateral (
    select id, state, thread_id from outbox.telegram_link t
    where t.recipient = any(array[a.recipient]) and t.unlinked_at is null order by t.recipient limit 1
  ) o
"""

# every link that names one of these recipients or chats
TOUCHED = THEIRS.join(
    (
        """
select id, recipient, chat_id from outbox.telegram_link t
where id = any(array(
  select id from (""",
        """
  ) theirs
  union all
  select o.id from unnest($2::bigint[]) a (chat_id)
  cross join lateral (
    select id from outbox.telegram_link t
    where t.chat_id = any(array[a.chat_id]) and t.unlinked_at is null order by t.chat_id limit 1
  ) o
)) and coalesce(t.unlinked_at, 'infinity') = 'infinity'
""",
    )
)

LOCK_TOUCHED = TOUCHED + "order by id for no key update"


class Touched(NamedTuple):
    """A link that stands in the way of a wanted one, or is it."""

    id: int
    recipient: str
    chat_id: int


async def _connect(
    conn: Connection, wanted: Sequence[Wanted], how: How, *, reopen: bool, operator: str | None
) -> list[Linked]:
    people, chats = [one.recipient for one in wanted], [one.chat_id for one in wanted]
    await conn.execute(LOCK_LINKING, LINKING)
    # who records what became of messages holds their lanes and then changes links in any order
    seen = {row["recipient"] for row in await conn.fetch(TOUCHED, people, chats)}
    lanes = await lane_skip.lock_lanes(conn, Channel.TELEGRAM, seen)
    touched = [Touched(*row) for row in await conn.fetch(LOCK_TOUCHED, people, chats)]
    pairs = set(zip(people, chats, strict=True))
    same = {link.recipient for link in touched if (link.recipient, link.chat_id) in pairs}
    displaced = [link for link in touched if link.recipient not in same]
    await _displace(conn, displaced, how, operator)
    losers = [link for link in displaced if link.recipient not in people]
    await own_event.emit_all(conn, [own_event.chat_displaced(link.recipient, link.id) for link in losers])
    skipped = await _give_up(conn, [lanes[link.recipient] for link in losers if link.recipient in lanes])
    renewed = [one for one in wanted if one.recipient in same]
    turned = await _renew(conn, renewed, how, reopen=reopen, operator=operator)
    await _add(conn, [one for one in wanted if one.recipient not in same], how, operator)
    return _tell(wanted, same, displaced, {who: skipped[lane] for who, lane in lanes.items()}, turned)


def _tell(
    wanted: Sequence[Wanted],
    same: AbstractSet[str],
    displaced: Sequence[Touched],
    skipped: Mapping[str, int],
    turned: AbstractSet[str],
) -> list[Linked]:
    chats = {link.recipient: link.chat_id for link in displaced}
    people = {link.chat_id: link.recipient for link in displaced}
    return [
        Linked(
            recipient=one.recipient,
            renewed=one.recipient in same,
            displaced_chat=chats.get(one.recipient),
            displaced_recipient=people.get(one.chat_id),
            skipped=skipped.get(people.get(one.chat_id, ""), 0),
            turned=one.recipient in turned,
        )
        for one in wanted
    ]


# a link -> none; a transaction that has waited for the one that linked began before it
END = """
update outbox.telegram_link t set unlinked_at = greatest(now(), linked_at)
where id = any($1::bigint[]) and coalesce(t.unlinked_at, 'infinity') = 'infinity'
returning id, recipient
"""


async def _displace(conn: Connection, links: Sequence[Touched], how: How, operator: str | None) -> None:
    if links:
        rows = await conn.fetch(END, [link.id for link in links])
        await link_audit.note(conn, changed(rows, AuditChange.DISPLACED), how, operator)


# whatever its state -> active. It counts as news also of an open chat: what Telegram has told of it before is old.
REOPEN = THEIRS.join(
    (
        """
update outbox.telegram_link t set
  thread_id = coalesce(($2::bigint[])[old.place], t.thread_id), state = 'active', state_at = now(), fault = null,
  fault_since = null
from (""",
        """) old
where t.id = any(array[old.id])
returning t.id, t.recipient, old.state, t.thread_id is distinct from old.thread_id as turned
""",
    )
)

# the topic that messages go to, and nothing else
TURN = THEIRS.join(
    (
        """
update outbox.telegram_link t set thread_id = ($2::bigint[])[old.place]
from (""",
        """) old
where t.id = any(array[old.id]) and coalesce(t.unlinked_at, 'infinity') = 'infinity'
  and t.thread_id is distinct from ($2::bigint[])[old.place] and ($2::bigint[])[old.place] is not null
returning t.id, t.recipient, 'active' as state, true as turned
""",
    )
)


async def _renew(
    conn: Connection, pairs: Sequence[Wanted], how: How, *, reopen: bool, operator: str | None
) -> frozenset[str]:
    """Renew links that are there already; return whose messages go to another topic now."""
    if not pairs:
        return frozenset()
    rows = await conn.fetch(REOPEN if reopen else TURN, [one.recipient for one in pairs], [p.thread_id for p in pairs])
    opened = [row for row in rows if row["state"] != "active"]
    await link_audit.note(conn, changed(opened, AuditChange.ACTIVE), how, operator)
    return frozenset(row["recipient"] for row in rows if row["turned"])


# no link -> active
ADD = """
insert into outbox.telegram_link (recipient, chat_id, thread_id)
select * from unnest($1::text[], $2::bigint[], $3::bigint[])
returning id, recipient
"""


async def _add(conn: Connection, pairs: Sequence[Wanted], how: How, operator: str | None) -> None:
    if pairs:
        rows = await conn.fetch(
            ADD, [one.recipient for one in pairs], [one.chat_id for one in pairs], [one.thread_id for one in pairs]
        )
        await link_audit.note(conn, changed(rows, AuditChange.LINKED), how, operator)


async def disconnect(conn: Connection, link_id: int, recipient: str, how: How, operator: str | None) -> GivenUp | None:
    """End a link and skip what waits for its chat; None: it had ended before."""
    async with conn.transaction():
        lanes = await lane_skip.lock_lanes(conn, Channel.TELEGRAM, [recipient])
        rows = await conn.fetch(END, [link_id])
        await link_audit.note(conn, changed(rows, AuditChange.UNLINKED), how, operator)
        if not rows:
            return None
        return GivenUp((await _give_up(conn, list(lanes.values()))).total())


async def _give_up(conn: Connection, lanes: Sequence[int]) -> Counter[int]:
    """Skip what waits for a chat that is not there any more; count by lane."""
    skipped = await lane_skip.skip(conn, dict.fromkeys(lanes, Reason.NO_LINK))
    await lane_wake.requeue(conn, lanes)
    return skipped


# the chat that a link names moves: a group became a supergroup
MIGRATE = THEIRS.join(
    (
        """
update outbox.telegram_link t set chat_id = ($2::bigint[])[old.place]
from (""",
        """) old
where t.id = any(array[old.id]) and coalesce(t.unlinked_at, 'infinity') = 'infinity'
  and t.chat_id <> ($2::bigint[])[old.place]
returning t.id, t.recipient
""",
    )
)


class Migrated(NamedTuple):
    """What new chat ids have changed."""

    moved: int = 0
    """Links that have one."""
    displaced: int = 0
    """Links that ended, since another one moved to their chat."""


async def migrate(conn: Connection, chats: Mapping[str, int]) -> Migrated:
    """Write the new chat ids of recipients' links; a chat has one link, so another's link to it ends."""
    return await _try(conn, lambda: _migrate(conn, list(chats), list(chats.values())))


async def _migrate(conn: Connection, people: Sequence[str], chats: Sequence[int]) -> Migrated:
    touched = [Touched(*row) for row in await conn.fetch(LOCK_TOUCHED, people, chats)]
    moving = set(zip(people, chats, strict=True))
    held = [link for link in touched if link.chat_id in chats and (link.recipient, link.chat_id) not in moving]
    await _displace(conn, held, How.SEND, None)
    await own_event.emit_all(conn, [own_event.chat_displaced(link.recipient, link.id) for link in held])
    rows = await conn.fetch(MIGRATE, people, chats)
    await link_audit.note(conn, changed(rows, AuditChange.MIGRATED), How.SEND)
    return Migrated(len(rows), len(held))


async def _try(conn: Connection, change: Callable[[], Awaitable[Result]]) -> Result:
    """Make a change, and make it anew where somebody else has taken the place of one of its links meanwhile."""
    for _ in range(TRIES - 1):
        try:
            async with conn.transaction():
                return await change()
        except asyncpg.UniqueViolationError:
            # who was first has committed: now it can be displaced
            continue
    async with conn.transaction():
        return await change()
