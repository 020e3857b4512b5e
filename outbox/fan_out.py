"""Fan-out: one row for every event, recipient and channel, in the relay's transaction.

Each step writes one table and joins nothing, so its speed does not hang on what the planner believes of the
tables' sizes.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from outbox import wake_up
from outbox.channel import Channel
from outbox.cursor import Position
from outbox.database import Connection
from outbox.outcome import Reason
from outbox.wake_up import Work


@dataclass(frozen=True, slots=True)
class Route:
    """Where the catalog sends events of one type."""

    type: str
    category: str
    channels: frozenset[Channel]
    ttl: timedelta | None = None
    """Time to live on Telegram, from the emit on, or from its deliver_at."""
    urgent: bool = False
    """May use the share of the Telegram rate that broadcasts leave free."""


class Person(NamedTuple):
    """What the fan-out has to know of a recipient."""

    lanes: Mapping[Channel, int | None]
    """Lane id by channel; None where the lane is still to be made."""
    link: str | None
    """State of the linked chat; None without one."""
    muted: frozenset[str]
    """`channel/category` that are switched off."""


class Planned(NamedTuple):
    """A delivery to be born; with a reason it is born skipped."""

    event_id: int
    route: Route
    channel: Channel
    recipient: str
    skip: str | None
    expires_at: datetime | None = None


@dataclass(slots=True)
class Plan:
    """The rows that a batch becomes."""

    notifications: list[tuple[int, str, str, str]] = field(default_factory=list)
    """Event, recipient, type, category."""
    deliveries: list[Planned] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """How much one fan-out wrote."""

    notifications: int = 0
    deliveries: int = 0
    skipped: int = 0
    """Of the deliveries: those that were born so."""
    lanes: int = 0
    """Lanes that got work."""
    recipients: Collection[str] = ()
    """Whose inbox has changed."""


async def fan_out(conn: Connection, routes: Mapping[str, Route], events: Sequence[Position]) -> Written:
    """Write notifications, counters, deliveries and lanes of events in commit order.

    An event that was relayed before is left alone; one without a route is only noted.
    """
    fresh = await _note_relayed(conn, routes, events)
    routed = [(event, routes[event.type]) for event in events if event.id in fresh and event.type in routes]
    people = await _look_up(conn, {recipient for event, _ in routed for recipient in event.recipients})
    plan = _plan(routed, people)
    recipients = await _notify(conn, plan.notifications)
    lanes = await _queue(conn, plan.deliveries, people)
    skipped = sum(planned.skip is not None for planned in plan.deliveries)
    return Written(len(plan.notifications), len(plan.deliveries), skipped, lanes, recipients)


RELAYED = "select event_id from outbox.relayed where event_id = any($1::bigint[])"


async def _note_relayed(conn: Connection, routes: Mapping[str, Route], events: Sequence[Position]) -> set[int]:
    """Write which events this batch relays, and to which channels; return those that were not relayed before."""
    before = {row[0] for row in await conn.fetch(RELAYED, [event.id for event in events])}
    channels = {name: sorted(route.channels) for name, route in routes.items()}
    fresh = [(event.id, channels.get(event.type, ())) for event in events if event.id not in before]
    await _copy(conn, "relayed", ("event_id", "channels"), fresh)
    return {event_id for event_id, _ in fresh}


async def _copy(conn: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows by COPY: half the cost of an insert from arrays, on either side of the wire."""
    if rows:
        await conn.copy_records_to_table(table, schema_name="outbox", columns=columns, records=rows)


# `lateral ... limit 1` is a look-up by index, whatever the statistics say
LOOK_UP = """
select p.recipient, t.id, i.id, l.state,
  (select array_agg(channel || '/' || category) from outbox.preference f
   where f.recipient = p.recipient and not f.enabled)
from unnest($1::text[]) p (recipient)
left join lateral (
  select id from outbox.lane t where t.channel = 'telegram' and t.recipient = p.recipient limit 1
) t on true
left join lateral (
  select id from outbox.lane i where i.channel = 'inapp' and i.recipient = p.recipient limit 1
) i on true
left join lateral (
  select state from outbox.telegram_link l where l.recipient = p.recipient and l.unlinked_at is null limit 1
) l on true
"""


async def _look_up(conn: Connection, recipients: Iterable[str]) -> dict[str, Person]:
    rows = await conn.fetch(LOOK_UP, list(recipients))
    people = {}
    for recipient, telegram, inapp, link, muted in rows:
        lanes = {Channel.TELEGRAM: telegram, Channel.INAPP: inapp}
        people[recipient] = Person(lanes, link, frozenset(muted or ()))
    return people


def _plan(routed: Sequence[tuple[Position, Route]], people: Mapping[str, Person]) -> Plan:
    plan = Plan()
    for event, route in routed:
        expires_at = _expiry(event, route)
        for recipient in event.recipients:
            person = people[recipient]
            if Channel.TELEGRAM in route.channels:
                skip = _telegram_skip(person, route)
                plan.deliveries.append(Planned(event.id, route, Channel.TELEGRAM, recipient, skip, expires_at))
            if Channel.INAPP in route.channels:
                if f"{Channel.INAPP}/{route.category}" in person.muted:
                    plan.deliveries.append(Planned(event.id, route, Channel.INAPP, recipient, Reason.MUTED))
                else:
                    plan.notifications.append((event.id, recipient, event.type, route.category))
    return plan


def _telegram_skip(person: Person, route: Route) -> str | None:
    if person.link is None:
        return Reason.NO_LINK
    if person.muted and f"{Channel.TELEGRAM}/{route.category}" in person.muted:
        return Reason.MUTED
    # a link that cannot be written to says why in the words of the reasons
    return None if person.link == "active" else person.link


def _expiry(event: Position, route: Route) -> datetime | None:
    if route.ttl is None:
        return event.expires_at
    end = event.created_at + route.ttl
    return end if event.expires_at is None else min(end, event.expires_at)


# sorted, so that whoever locks several inboxes does it in one order
COUNT = """
insert into outbox.inbox as i (recipient, unread, version)
select recipient, added, added from unnest($1::text[], $2::integer[]) as a (recipient, added)
on conflict (recipient) do update set unread = i.unread + excluded.unread, version = i.version + excluded.version
returning i.recipient, i.version
"""


async def _notify(conn: Connection, notifications: Sequence[tuple[int, str, str, str]]) -> Collection[str]:
    if not notifications:
        return ()
    added = Counter(recipient for _, recipient, _, _ in notifications)
    recipients = sorted(added)
    rows = await conn.fetch(COUNT, recipients, [added[recipient] for recipient in recipients])
    last = {recipient: version - added[recipient] for recipient, version in rows}
    versioned = []
    for event_id, recipient, type_, category in notifications:
        last[recipient] += 1
        versioned.append((event_id, recipient, type_, category, last[recipient]))
    await _copy(conn, "notification", ("event_id", "recipient", "type", "category", "version"), versioned)
    return recipients


ADD_LANES = """
insert into outbox.lane (channel, recipient) select * from unnest($1::text[], $2::text[])
returning channel, recipient, id
"""

# of what this transaction has just written
HEADS = """
select lane_id, min(id) from outbox.delivery where event_id = any($1::bigint[]) and state = 'pending' group by lane_id
"""

DELIVERY = (
    "event_id",
    "lane_id",
    "channel",
    "recipient",
    "urgent",
    "expires_at",
    "created_at",
    "state",
    "reason",
    "settled_at",
)

Key = tuple[Channel, str]
"""Channel and recipient: what a lane is known by before it has an id."""


async def _queue(conn: Connection, deliveries: Sequence[Planned], people: Mapping[str, Person]) -> int:
    if not deliveries:
        return 0
    known = {key: people[key[1]].lanes[key[0]] for key in {(d.channel, d.recipient) for d in deliveries}}
    born = await _add_lanes(conn, sorted(key for key, lane_id in known.items() if lane_id is None))
    lane_ids = {**known, **born}
    # a delivery is born pending, or skipped with its reason and settled in the same moment
    moment = await conn.fetchval("select clock_timestamp()")
    rows = [
        (d.event_id, lane_ids[d.channel, d.recipient], d.channel, d.recipient, d.route.urgent, d.expires_at, moment)
        + (("pending", None, None) if d.skip is None else ("skipped", d.skip, moment))
        for d in deliveries
    ]
    await _copy(conn, "delivery", DELIVERY, rows)
    heads = dict(await conn.fetch(HEADS, list({d.event_id for d in deliveries})))
    works: dict[int, Work] = {}
    for d in deliveries:
        lane_id = lane_ids[d.channel, d.recipient]
        if d.skip is None and lane_id is not None:
            new = Work(heads[lane_id], d.route.type, d.route.urgent, d.expires_at)
            works[lane_id] = works[lane_id].and_(new) if lane_id in works else new
    await wake_up.wake(conn, works)
    return len(works)


async def _add_lanes(conn: Connection, keys: Sequence[Key]) -> dict[Key, int]:
    rows = await conn.fetch(ADD_LANES, [channel for channel, _ in keys], [recipient for _, recipient in keys])
    return {(channel, recipient): id_ for channel, recipient, id_ in rows}
