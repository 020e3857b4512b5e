"""Preferences: what people choose themselves; what already waits for them follows at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from outbox.database.connection import Connection
from outbox.delivery.channel import Channel
from outbox.delivery.outcome import Reason
from outbox.lane import lane_skip, lane_wake
from outbox.person import recipient as recipients
from outbox.person.recipient import QUIET_FROM, QUIET_UNTIL


class Quiet(StrEnum):
    """What quiet hours do to a person's Telegram messages."""

    OFF = "off"
    """Nothing: there are none."""
    SILENT = "silent"
    """They come without a sound."""
    HOLD = "hold"
    """They wait until the quiet hours end; what is urgent does not."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person has chosen, and what the application says where they have not."""

    language: str | None
    """Chosen; goes before the application's."""
    locale: str | None
    """The application's word for their language."""
    zone: str | None
    """Chosen; goes before the application's."""
    timezone: str | None
    """The application's word for their time zone."""
    quiet: Quiet
    quiet_from: time
    """Local time."""
    quiet_until: time
    """Local time; earlier than `quiet_from` where midnight lies between."""
    muted: frozenset[str]
    """`channel/category` that are switched off."""


READ = """
select r.language, r.locale, r.zone, r.timezone, coalesce(r.quiet, 'off') as quiet,
  coalesce(r.quiet_from, $2) as quiet_from, coalesce(r.quiet_until, $3) as quiet_until,
  array(select channel || '/' || category from outbox.preference f where f.recipient = p.recipient and not f.enabled)
    as muted
from (select $1::text as recipient) p left join outbox.recipient r on r.recipient = p.recipient
"""


async def read(conn: Connection, recipient: str) -> Preferences:
    """Read what holds for a person; somebody unknown has chosen nothing."""
    row = await conn.fetchrow(READ, recipient, QUIET_FROM, QUIET_UNTIL)
    if row is None:  # a select that joins to one row always answers
        raise AssertionError
    return Preferences(**{**row, "quiet": Quiet(row["quiet"]), "muted": frozenset(row["muted"])})


@dataclass(frozen=True, slots=True)
class Switch:
    """A category to switch on or off for a channel."""

    category: str
    channel: Channel
    enabled: bool
    types: Collection[str] = ()
    """The catalog's types of this category: what waits of them on this channel is skipped when it goes off."""


# in one order: two who switch the same categories in another order would wait for each other
SWITCH = """
insert into outbox.preference (recipient, category, channel, enabled)
select $1, * from unnest($2::text[], $3::text[], $4::boolean[]) as a (category, channel, enabled)
order by a.category, a.channel
on conflict (recipient, category, channel) do update set enabled = excluded.enabled
"""


async def switch_all(conn: Connection, recipient: str, switches: Sequence[Switch]) -> int:
    """Switch categories on or off; of two for the same category and channel the later holds.

    Return how many deliveries waited that are not wanted any more.
    """
    latest = list({(one.category, one.channel): one for one in switches}.values())
    skipped = 0
    async with conn.transaction():
        lanes = await lane_skip.lock_lanes_of(conn, recipient)
        categories, channels = [one.category for one in latest], [one.channel for one in latest]
        await conn.execute(SWITCH, recipient, categories, channels, [one.enabled for one in latest])
        for channel, lane in lanes.items():
            off = [type_ for one in latest if one.channel is channel and not one.enabled for type_ in one.types]
            if off:
                skipped += await lane_skip.skip_types(conn, [lane], off, Reason.MUTED)
                await lane_wake.requeue(conn, [lane])
    return skipped


async def switch(  # noqa: PLR0913 (each of them by its name)
    conn: Connection,
    recipient: str,
    category: str,
    channel: Channel,
    *,
    enabled: bool,
    types: Collection[str] = (),
) -> int:
    """Switch one category on or off for one channel; `types` as in `Switch`, the answer as of `switch_all`."""
    return await switch_all(conn, recipient, [Switch(category, channel, enabled, types)])


async def set_quiet(
    conn: Connection,
    recipient: str,
    quiet: Quiet | None = None,
    quiet_from: time | None = None,
    quiet_until: time | None = None,
) -> None:
    """Choose what quiet hours do, and when they are; None leaves each as it is."""
    async with conn.transaction():
        lanes = await lane_skip.lock_lanes_of(conn, recipient)
        await recipients.choose_quiet(conn, recipient, quiet, quiet_from, quiet_until)
        await _end_hold(conn, lanes)


async def set_language(conn: Connection, recipient: str, language: str | None) -> None:
    """Choose the language of texts; None: the application's word for it holds."""
    await recipients.choose_language(conn, recipient, language)


async def set_zone(conn: Connection, recipient: str, zone: str | None) -> None:
    """Choose the time zone of quiet hours; None: the application's word for it holds."""
    async with conn.transaction():
        lanes = await lane_skip.lock_lanes_of(conn, recipient)
        await recipients.choose_zone(conn, recipient, zone)
        await _end_hold(conn, lanes)


async def _end_hold(conn: Connection, lanes: Mapping[Channel, int]) -> None:
    """Let messages that quiet hours hold try again: whoever sends them looks at the hours that are chosen now."""
    if Channel.TELEGRAM in lanes:
        lane = lanes[Channel.TELEGRAM]
        await lane_skip.hasten(conn, [lane], Reason.QUIET_HOURS)
        await lane_wake.requeue(conn, [lane])
